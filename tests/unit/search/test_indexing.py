import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from util.errors import FingerprintMismatchError, InvalidInputError
from util.records import ImageRecord, unit_rows
from util.search.extraction import Extraction
from util.search.indexing import index_images, remove_missing, space_for


def record(path: Path, id_: str | None = None, item: str | None = None, **metadata) -> ImageRecord:
    return ImageRecord(id=id_ or path.name, path=str(path), item=item, metadata=metadata)


def stored(store, space="mean_colour"):
    batches = list(store.iterate(space))
    return {
        id_: (vector, dict(metadata))
        for batch in batches
        for id_, vector, metadata in zip(batch.ids, batch.vectors, batch.metadata, strict=True)
    }


def test_every_image_is_stored_with_its_vector_item_and_metadata(extraction, store, photo):
    records = [record(photo("a.png", (255, 0, 0)), item="red", year=1999), record(photo("b.png", (0, 30, 40)))]
    report = index_images(records, extraction=extraction, store=store)
    assert (report.indexed, report.skipped, report.failed) == (2, 0, [])
    rows = stored(store)
    np.testing.assert_allclose(rows["a.png"][0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(rows["b.png"][0], [0, 0.6, 0.8], atol=1e-6)
    assert rows["a.png"][1]["item"] == "red"
    assert rows["a.png"][1]["year"] == 1999
    assert rows["a.png"][1]["path"] == records[0].path
    assert "item" not in rows["b.png"][1]


def test_a_second_run_extracts_nothing(extraction, store, photo):
    records = [record(photo(f"{i}.png", (i * 20, 10, 200 - i * 10))) for i in range(10)]
    index_images(records, extraction=extraction, store=store)
    extraction.extractor.embedded.clear()
    report = index_images(records, extraction=extraction, store=store)
    assert (report.indexed, report.skipped) == (0, 10)
    assert extraction.extractor.embedded == []


def test_only_a_changed_file_is_extracted_again(extraction, store, photo):
    records = [record(photo(f"{i}.png", (i * 20, 10, 99))) for i in range(6)]
    index_images(records, extraction=extraction, store=store)
    extraction.extractor.embedded.clear()
    photo("3.png", (0, 255, 0))
    report = index_images(records, extraction=extraction, store=store)
    assert (report.indexed, report.skipped) == (1, 5)
    assert extraction.extractor.embedded == [1]
    np.testing.assert_allclose(stored(store)["3.png"][0], [0, 1, 0], atol=1e-6)


def test_identical_bytes_under_two_ids_are_two_images_and_one_extraction(extraction, store, photo):
    original = photo("a.png", (9, 8, 7))
    copies = [original.with_name(f"copy{i}.png") for i in range(6)]  # more than a chunk
    for copy in copies:
        shutil.copy(original, copy)
    report = index_images([record(original), *map(record, copies)], extraction=extraction, store=store)
    assert report.indexed == 7
    assert report.reused == 6
    assert sum(extraction.extractor.embedded) == 1
    rows = stored(store)
    assert len(rows) == 7
    assert all(np.array_equal(vector, rows["a.png"][0]) for vector, _ in rows.values())


def test_a_new_label_is_written_without_extracting(extraction, store, photo):
    path = photo("a.png", (1, 2, 3))
    index_images([record(path, item="milk")], extraction=extraction, store=store)
    extraction.extractor.embedded.clear()
    report = index_images([record(path, item="cream")], extraction=extraction, store=store)
    assert (report.indexed, report.skipped, report.relabelled) == (0, 1, 1)
    assert extraction.extractor.embedded == []
    assert stored(store)["a.png"][1]["item"] == "cream"


def test_bad_images_are_listed_and_the_rest_is_indexed(extraction, store, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not an image")
    records = [record(photo(f"{i}.png", (i, 100, 7))) for i in range(9)]
    records[4:4] = [record(bad), record(tmp_path / "missing.png")]
    report = index_images(records, extraction=extraction, store=store)
    assert report.indexed == 9
    assert {Path(failure.path).name for failure in report.failed} == {"bad.png", "missing.png"}
    assert all(failure.error for failure in report.failed)


def test_a_file_that_breaks_later_does_not_cost_what_is_stored(extraction, store, photo):
    path = photo("a.png", (255, 0, 0))
    index_images([record(path)], extraction=extraction, store=store)
    path.write_bytes(b"")
    report = index_images([record(path)], extraction=extraction, store=store)
    assert len(report.failed) == 1
    np.testing.assert_allclose(stored(store)["a.png"][0], [1, 0, 0], atol=1e-6)


def test_two_files_with_one_id_are_not_silently_one(extraction, store, photo):
    one, other = photo("x/a.png", (255, 0, 0)), photo("y/a.png", (0, 255, 0))
    for run in ([record(one), record(other)],):
        report = index_images(run, extraction=extraction, store=store)
        assert report.indexed == 1
        assert "stands for another file" in report.failed[0].error
    later = index_images([record(other)], extraction=extraction, store=store)
    assert "stands for another file" in later.failed[0].error
    np.testing.assert_allclose(stored(store)["a.png"][0], [1, 0, 0], atol=1e-6)


def test_a_moved_archive_keeps_its_ids(extraction, store, photo):
    path = photo("old/a.png", (255, 0, 0))
    index_images([record(path)], extraction=extraction, store=store)
    moved = path.parent.parent / "new"
    path.parent.rename(moved)
    report = index_images([record(moved / "a.png")], extraction=extraction, store=store)
    assert (report.failed, report.relabelled) == ([], 1)
    assert stored(store)["a.png"][1]["path"] == str(moved / "a.png")


def test_the_same_record_twice_is_one_image(extraction, store, photo):
    one = record(photo("a.png", (255, 0, 0)))
    report = index_images([one, one], extraction=extraction, store=store)
    assert (report.indexed, report.skipped, report.failed) == (1, 1, [])


def test_records_may_come_from_an_iterator(extraction, store, photo):
    paths = [photo(f"{i}.png", (i, 9, 9)) for i in range(5)]
    seen = []
    report = index_images(
        (record(path) for path in paths),
        extraction=extraction,
        store=store,
        total=5,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert report.indexed == 5
    assert seen[-1] == (5, 5)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_another_recipe_is_refused_and_nothing_is_lost(mean_colour, extraction, store, photo):
    path = photo("a.png", (255, 0, 0))
    index_images([record(path)], extraction=extraction, store=store)
    other = Extraction(mean_colour("resize=2"))
    with pytest.raises(FingerprintMismatchError, match=extraction.extractor.fingerprint[:12]):
        index_images([record(path)], extraction=other, store=store)
    assert len(stored(store)) == 1


def test_metadata_may_not_take_the_names_nearid_uses(extraction, store, photo):
    with pytest.raises(InvalidInputError, match="sha256"):
        index_images([record(photo("a.png", (1, 1, 1)), sha256="x")], extraction=extraction, store=store)


def test_images_whose_files_are_gone_are_removed_only_below_the_roots_named(extraction, store, photo, tmp_path):
    here, there = photo("here/a.png", (255, 0, 0)), photo("there/b.png", (0, 255, 0))
    index_images([record(here), record(there)], extraction=extraction, store=store)
    here.unlink()
    there.unlink()
    assert remove_missing(store, "mean_colour", [tmp_path / "photos" / "here"]) == 1
    assert list(stored(store)) == ["b.png"]


def test_the_space_remembers_extractor_and_recipe(extraction, store, photo):
    index_images([record(photo("a.png", (1, 2, 3)))], extraction=extraction, store=store, space="mine")
    info = store.info("mine")
    expected = space_for(extraction.extractor, "mine")
    assert (info.extractor, info.recipe, info.fingerprint) == ("mean_colour", "resize=4", expected.fingerprint)


def test_batches_go_through_the_network_whole(extraction, store, photo):
    records = [record(photo(f"{i}.png", (i, 5, 77))) for i in range(10)]
    index_images(records, extraction=extraction, store=store)
    assert extraction.extractor.embedded == [4, 4, 2]


def test_vectors_equal_those_of_one_image_at_a_time(extraction, store, photo):
    records = [record(photo(f"{i}.png", (3 * i, 255 - i, i * i % 256))) for i in range(23)]
    index_images(records, extraction=extraction, store=store)
    for i, (vector, _) in enumerate(stored(store)[f"{i}.png"] for i in range(23)):
        np.testing.assert_allclose(vector, unit_rows([[3 * i, 255 - i, i * i % 256]])[0], atol=1e-6)


def test_a_file_name_that_is_no_text_is_listed_and_the_rest_is_indexed(extraction, store, photo):
    good = photo("good.png", (9, 9, 9))
    odd = str(good.parent) + "/caf\udce9.png"
    try:
        Path(odd).write_bytes(good.read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    report = index_images([record(Path(odd)), record(good)], extraction=extraction, store=store)
    assert report.indexed == 1
    assert "UTF-8" in report.failed[0].error
    assert report.failed[0].path.isprintable()


def test_an_image_that_is_in_no_file_is_indexed_from_its_bytes(extraction, store, photo):
    data = photo("red.png", (255, 0, 0)).read_bytes()
    report = index_images([ImageRecord("sent", "", "red", data=data)], extraction=extraction, store=store)
    assert (report.indexed, report.failed) == (1, [])
    kept = store.get("mean_colour", ["sent"]).metadata[0]
    assert set(kept) == {"item", "sha256"}, "there is no path to remember"


def test_bytes_sent_again_under_an_id_replace_what_was_there(extraction, store, photo):
    red, blue = (photo(f"{n}.png", c).read_bytes() for n, c in (("r", (255, 0, 0)), ("b", (0, 0, 255))))
    for data in (red, blue):
        index_images([ImageRecord("sent", "", data=data)], extraction=extraction, store=store)
    np.testing.assert_allclose(store.get("mean_colour", ["sent"]).vectors, [[0, 0, 1]], atol=1e-6)


def test_one_id_for_two_different_images_without_files_is_a_failure(extraction, store, photo):
    red, blue = (photo(f"{n}.png", c).read_bytes() for n, c in (("r", (255, 0, 0)), ("b", (0, 0, 255))))
    records = [ImageRecord("sent", "", data=red), ImageRecord("sent", "", data=blue), ImageRecord("sent", "", data=red)]
    report = index_images(records, extraction=extraction, store=store)
    assert (report.indexed, report.skipped, len(report.failed)) == (1, 1, 1)
    assert report.failed[0].path == "sent"
    assert "two different images" in report.failed[0].error


def test_threads_shared_with_others_are_used_and_left_running(mean_colour, store, photo):
    data = photo("red.png", (255, 0, 0)).read_bytes()
    with ThreadPoolExecutor(1, thread_name_prefix="shared") as pool:
        extraction = Extraction(mean_colour(), pool=pool)
        index_images([ImageRecord("sent", "", data=data)], extraction=extraction, store=store)
        assert extraction.embed_sources([data])[0] == [0]
        assert pool.submit(lambda: 1).result() == 1
