import json
import shutil
from dataclasses import replace

import pytest

from util.benchmark.evaluating import evaluate_system
from util.errors import DatasetError, InvalidInputError
from util.records import ImageRecord
from util.rerank import build_reranker
from util.search.indexing import index_images
from util.search.reranking import ReRanking


def query(photo, name, colour, item):
    return ImageRecord(name, str(photo(f"queries/{name}.png", colour)), item)


def evaluate(queries, extraction, store, **options):
    return evaluate_system(queries, extraction=extraction, store=store, space="s", **options)


def test_right_and_wrong_answers_are_counted(extraction, store, photo, gallery):
    queries = [
        query(photo, "a", (240, 20, 20), "red"),
        query(photo, "b", (20, 20, 240), "blue"),
        query(photo, "c", (90, 95, 100), "green"),  # grey to look at, green by its label
    ]
    result = evaluate(queries, extraction, store, gallery=gallery)
    assert result.evaluation.retrieval.n == 3
    assert result.evaluation.retrieval.top1 == pytest.approx(2 / 3)
    (error,) = result.evaluation.errors
    assert (error.query, error.true_item, error.item) == ("c", "green", "grey")
    assert error.query_path == queries[2].path
    assert result.report is None


def test_a_query_is_never_matched_with_itself(extraction, store, photo, gallery, tmp_path):
    copy = tmp_path / "renamed.png"
    shutil.copy(gallery[0].path, copy)
    lonely = ImageRecord("lonely", str(photo("gallery/lonely.png", (10, 250, 250))), "cyan")
    queries = [ImageRecord("q", str(copy), "red"), ImageRecord("r", lonely.path, "cyan")]
    result = evaluate(queries, extraction, store, gallery=[*gallery, lonely])
    assert result.evaluation.excluded.own_images == 2
    assert result.evaluation.excluded.single_images == 1
    assert result.evaluation.retrieval.n == 1
    assert result.evaluation.retrieval.top1 == 1


def test_items_the_gallery_does_not_show_test_the_answer_new(extraction, store, photo, gallery):
    queries = [query(photo, "a", (240, 20, 20), "red"), query(photo, "p", (250, 10, 250), "pink")]
    result = evaluate(queries, extraction, store, gallery=gallery)
    assert result.evaluation.excluded.unknown_items == 1
    assert result.evaluation.open_set.auroc == 1
    assert result.evaluation.decisions.unknown_called_new == 1
    assert result.evaluation.decisions.known_right == 1


def test_unreadable_images_take_no_part_and_are_listed(extraction, store, photo, gallery, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    queries = [ImageRecord("q", str(broken), "red"), query(photo, "a", (240, 20, 20), "red")]
    result = evaluate(queries, extraction, store, gallery=[*gallery, ImageRecord("g", str(broken), "red")])
    assert [failure.path for failure in result.failed] == [str(broken), str(broken)]
    assert result.evaluation.retrieval.n == 1


def test_the_report_and_the_numbers_are_written(extraction, store, photo, gallery, tmp_path):
    queries = [query(photo, "a", (240, 20, 20), "red")]
    result = evaluate(queries, extraction, store, gallery=gallery, out=tmp_path / "out", command="nearid evaluate …")
    assert "nearid evaluate …" in result.report.read_text()
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["top1"] == result.to_json()["top1"] == 1
    assert written["latency_ms"]["p50"] > 0


def test_the_space_as_it_stands(extraction, store, photo, gallery):
    index_images(gallery, extraction=extraction, store=store, space="s")
    result = evaluate([query(photo, "a", (240, 20, 20), "red")], extraction, store)
    assert result.evaluation.system["gallery images"] == 15


def test_what_cannot_be_evaluated(extraction, store, photo, gallery, tmp_path):
    index_images(gallery, extraction=extraction, store=store, space="s")
    with pytest.raises(InvalidInputError, match="label"):
        evaluate([query(photo, "a", (1, 2, 3), None)], extraction, store)
    with pytest.raises(DatasetError, match="none of the 1 queries"):
        evaluate([ImageRecord("x", str(tmp_path / "no.png"), "red")], extraction, store)
    with pytest.raises(DatasetError, match="empty"):
        evaluate_system(
            [query(photo, "b", (1, 2, 3), "red")], extraction=extraction, store=store, space="t", gallery=[]
        )


@pytest.fixture
def tones(gallery):
    """The gallery, with the tone of each colour."""
    warm = {"red", "amber"}
    return [replace(one, metadata={"tone": "warm" if one.item in warm else "cold"}) for one in gallery]


def test_a_re_ranker_reads_the_metadata_of_the_gallery(extraction, store, photo, tones):
    gate = ReRanking(build_reranker("category_gate:field=tone,given=warm,penalty=2"))
    blue_or_red = query(photo, "a", (140, 20, 150), "red")
    made, plain = (
        evaluate([blue_or_red], extraction, store, gallery=tones, reranking=how).evaluation for how in (gate, None)
    )
    assert (plain.retrieval.top1, made.retrieval.top1) == (0, 1)
    assert made.latency.p50 > 0


def test_the_oracle_is_told_the_queries_own_records_and_says_so(extraction, store, photo, tones):
    reranking = ReRanking(build_reranker("category_gate:field=tone,oracle=true,penalty=2"))
    asked = query(photo, "a", (140, 20, 150), "red")
    told = replace(asked, metadata={"tone": "warm"})
    silent, said = (
        evaluate([one], extraction, store, gallery=tones, reranking=reranking).evaluation for one in (asked, told)
    )
    assert (silent.retrieval.top1, said.retrieval.top1) == (0, 1)
    assert "oracle=True" in said.system["re-ranker"]


def test_a_field_that_no_gallery_image_has_is_an_error_before_any_number(extraction, store, photo, tones):
    reranking = ReRanking(build_reranker("category_gate:field=scene"))
    with pytest.raises(InvalidInputError, match="'scene', which no image of the space 's' has: there are item, path"):
        evaluate([query(photo, "a", (9, 9, 9), "red")], extraction, store, gallery=tones, reranking=reranking)
