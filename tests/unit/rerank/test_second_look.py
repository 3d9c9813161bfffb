"""Another extractor's opinion on the first hits."""

from collections.abc import Mapping

import numpy as np
import pytest

from util.errors import ImageError, InvalidInputError, UnknownExtractorError
from util.image_extract.base import Extractor
from util.images import content_hash
from util.records import SearchResult, unit_rows
from util.rerank import build_reranker
from util.rerank._cache import ArrayCache
from util.rerank.base import Gallery, Picture, RankedQueries
from util.rerank.second_look import SecondLook

RED, ORANGE, BLUE = (200, 10, 10), (200, 110, 10), (10, 10, 200)


class MeanColor(Extractor):
    """The mean colour of a photo: what a second extractor sees can be worked out by hand."""

    name, dimension = "mean_color", 3
    weights_digest = "0" * 64

    def __init__(self) -> None:
        super().__init__(recipe="")
        self.seen = 0

    def embed(self, prepared):
        self.seen += len(prepared)
        return unit_rows(np.array([image.mean(axis=(0, 1)) for image in prepared], np.float32).reshape(-1, 3))


class Coloured:
    """Photos of one colour; ``None`` is one that cannot be read."""

    def __init__(self, asked, hits: Mapping[str, tuple[int, int, int] | None]) -> None:
        self.asked, self.hits = asked, hits

    def query(self, number):
        return photo("query", self.asked)

    def hit(self, id_):
        return photo(id_, self.hits[id_])


def photo(name: str, color: tuple[int, int, int] | None) -> Picture:
    if color is None:
        raise ImageError(name, "is gone")
    pixels = np.full((4, 5, 3), color, np.uint8)
    return Picture(name, content_hash(pixels.tobytes()), lambda: pixels)


def asked(query, hits: Mapping[str, tuple[float, tuple[int, int, int] | None]]) -> RankedQueries:
    """One query, its hits with the cosine of the search and their colour."""
    cosines = np.array([cosine for cosine, _ in hits.values()], np.float32)
    vectors = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)
    photos = Coloured(query, {id_: color for id_, (_, color) in hits.items()})
    result = SearchResult("q", tuple(hits), cosines)
    return RankedQueries((result,), np.array([[1, 0]], np.float32), Gallery(tuple(hits), vectors), photos)


def cosine(one, other) -> float:
    one, other = np.array(one, float), np.array(other, float)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.fixture
def extractor() -> MeanColor:
    return MeanColor()


@pytest.fixture
def look(extractor):
    def make(**options) -> SecondLook:
        return SecondLook(extractor="mean_color", load_extractor=lambda name: extractor, **options)

    return make


HITS = {"blue": (0.9, BLUE), "orange": (0.8, ORANGE), "red": (0.7, RED)}


def test_the_score_is_the_weighted_sum_of_both(look):
    [found] = look(weight=0.25)(asked(RED, HITS)).results
    expected = {id_: 0.75 * score + 0.25 * cosine(RED, color) for id_, (score, color) in HITS.items()}
    assert list(found.ids) == sorted(expected, key=expected.__getitem__, reverse=True)
    np.testing.assert_allclose(found.scores, sorted(expected.values(), reverse=True), atol=1e-6)


@pytest.mark.parametrize(("weight", "first"), [(0.0, "blue"), (1.0, "red")])
def test_at_the_ends_one_extractor_decides(look, weight, first):
    assert look(weight=weight)(asked(RED, HITS)).results[0].ids[0] == first


def test_hits_behind_the_first_are_not_looked_at(look, extractor):
    hits = HITS | {"red too": (0.1, (210, 10, 10))}
    [found] = look(top=2, weight=1.0)(asked(RED, hits)).results
    assert found.ids == ("orange", "blue", "red", "red too")
    assert extractor.seen == 3  # the query and two hits


def test_a_photo_seen_once_is_remembered(look, extractor, tmp_path):
    reranker = look(cache=ArrayCache(tmp_path))
    first = reranker(asked(RED, HITS))
    seen = extractor.seen
    again = look(cache=ArrayCache(tmp_path))(asked(RED, HITS))
    assert extractor.seen == seen
    np.testing.assert_array_equal(again.results[0].scores, first.results[0].scores)


def test_a_hit_that_cannot_be_read_keeps_its_score_and_says_why(look):
    queries = look(weight=1.0)(asked(RED, HITS | {"red": (0.7, None)}))
    [found] = queries.results
    assert dict(zip(found.ids, found.scores.tolist(), strict=True))["red"] == pytest.approx(0.7)
    told = queries.evidence[0]["red"].to_json()["second_look"]
    assert told["cosine"] is None
    assert "is gone" in told["problem"]
    told = queries.evidence[0]["blue"].to_json()["second_look"]
    assert told == {"extractor": "mean_color", "cosine": pytest.approx(cosine(RED, BLUE), abs=1e-5), "problem": ""}


def test_a_query_that_cannot_be_read_stays_as_it_was(look):
    queries = look()(asked(None, HITS))
    assert queries.results[0].ids == tuple(HITS)
    assert "the query cannot be read" in queries.evidence[0]["red"].to_json()["second_look"]["problem"]


def test_no_hits_are_no_trouble(look, extractor):
    assert look()(asked(RED, {})).results[0].ids == ()
    assert extractor.seen == 0


def test_the_extractor_is_loaded_by_who_was_given_for_that(extractor):
    names = []

    def load(name):
        names.append(name)
        return extractor

    reranker = build_reranker("alpha_qe:n=1+second_look:extractor=mine,weight=1,top=3", load_extractor=load)
    assert names == []  # not before it is needed
    assert reranker(asked(RED, HITS)).results[0].ids[0] == "red"
    assert names == ["mine"]
    assert "load_extractor" not in reranker.describe()


def test_an_extractor_nobody_knows_is_named():
    with pytest.raises(UnknownExtractorError, match="colour_texture"):
        build_reranker("second_look:extractor=colour_texture")(asked(RED, HITS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("second_look:top=0", "top must be at least 1"),
        ("second_look:weight=1.1", "weight lies between 0 and 1"),
        ("second_look:load_extractor=x", "takes no option 'load_extractor'"),
        ("second_look:cache=x", "it takes top, extractor, weight"),
        ("second_look:extractor=", "name of an extractor"),
    ],
)
def test_wrong_options_are_refused(text, message):
    with pytest.raises(InvalidInputError, match=message):
        build_reranker(text)


def test_photos_have_to_be_there(look):
    with pytest.raises(InvalidInputError, match="looks at photos"):
        look()(asked(RED, HITS).replace(pictures=None))
