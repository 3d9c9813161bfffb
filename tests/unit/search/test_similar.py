import numpy as np
import pytest

from util.errors import FingerprintMismatchError, InvalidInputError
from util.records import ImageRecord, unit_rows
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.search.similar import find_similar


@pytest.fixture
def gallery(extraction, store, photo):
    colours = {"red": (255, 0, 0), "orange": (255, 128, 0), "blue": (0, 0, 255)}
    records = [ImageRecord(name, str(photo(f"{name}.png", colour)), name) for name, colour in colours.items()]
    index_images(records, extraction=extraction, store=store)
    return store


def test_the_nearest_colours_come_first_with_their_cosine(gallery, extraction, photo):
    query = photo("query.png", (255, 10, 0))
    found = find_similar([str(query)], extraction=extraction, store=gallery, space="mean_colour", k=3)
    assert found.results[0].ids == ("red", "orange", "blue")
    rows = unit_rows([[255, 10, 0], [255, 0, 0], [255, 128, 0], [0, 0, 255]])
    np.testing.assert_allclose(found.results[0].scores, rows[0] @ rows[1:].T, atol=1e-6)
    assert found.results[0].query == str(query)


def test_path_bytes_and_array_give_one_answer(gallery, extraction, photo):
    path = photo("query.png", (255, 10, 0))
    pixels = np.full((8, 8, 3), (255, 10, 0), dtype=np.uint8)
    found = find_similar([path, path.read_bytes(), pixels], extraction=extraction, store=gallery, space="mean_colour")
    assert found.results[0].ids == found.results[1].ids == found.results[2].ids
    np.testing.assert_array_equal(found.results[0].scores, found.results[1].scores)
    np.testing.assert_array_equal(found.results[0].scores, found.results[2].scores)
    assert [result.query for result in found.results] == [str(path), "query 2", "query 3"]


def test_a_query_that_cannot_be_read_is_listed_and_the_others_answered(gallery, extraction, photo, tmp_path):
    good = str(photo("query.png", (0, 0, 200)))
    found = find_similar(
        ["missing.png", good, b"garbage"], extraction=extraction, store=gallery, space="mean_colour", k=1
    )
    assert [result.query for result in found.results] == [good]
    assert found.results[0].ids == ("blue",)
    assert [failure.path for failure in found.failed] == ["missing.png", "query 3"]


def test_hits_below_the_smallest_score_are_left_out(gallery, extraction, photo):
    query = str(photo("query.png", (255, 0, 0)))
    found = find_similar([query], extraction=extraction, store=gallery, space="mean_colour", min_score=0.5)
    assert found.results[0].ids == ("red", "orange")


def test_the_wrong_extractor_is_refused(mean_colour, gallery, extraction, photo):
    other = Extraction(mean_colour("resize=2"))
    with pytest.raises(FingerprintMismatchError):
        find_similar([str(photo("q.png", (1, 1, 1)))], extraction=other, store=gallery, space="mean_colour")


@pytest.mark.parametrize(("options", "message"), [({"k": 0}, "at least 1"), ({"min_score": 2.0}, r"\[-1, 1\]")])
def test_wrong_numbers(gallery, extraction, options, message):
    with pytest.raises(InvalidInputError, match=message):
        find_similar([], extraction=extraction, store=gallery, space="mean_colour", **options)


def test_no_query_gives_no_result(gallery, extraction):
    found = find_similar([], extraction=extraction, store=gallery, space="mean_colour")
    assert (found.results, found.failed) == ((), ())
