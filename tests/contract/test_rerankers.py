"""What every re-ranker promises, held against every re-ranker there is: a file that is dropped in is tested too."""

import dataclasses
import hashlib
import inspect
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError, NearIdError
from util.records import SearchResult, unit_rows
from util.rerank import available_rerankers, build_reranker
from util.rerank._catalogue import reranker_class
from util.rerank.base import Gallery, Picture, RankedQueries, ReRanker

SLOW = {"saha", "loftr"}  # a neural network looks at every photo
CHAINS = ["alpha_qe:n=3+diffusion", "dba+k_reciprocal", "aqe_concat+category_gate", "category_gate+sift:top=3"]


def needs_weights(name: str) -> bool:
    """Whether it cannot be used here for want of weights."""
    try:
        built(name)(asked(images=2, queries=1))
    except NearIdError:
        return True
    return False


@cache
def built(name: str) -> ReRanker:
    return build_reranker(name)


NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in [*available_rerankers(), *CHAINS]
]


@pytest.fixture(params=NAMES)
def reranker(request: pytest.FixtureRequest) -> ReRanker:
    """Every re-ranker whose weights are here."""
    if request.param in SLOW and needs_weights(request.param):
        pytest.skip(f"the weights of {request.param} are not here")
    return built(request.param)


class Drawn:
    """Photos of blocks and letters, one a seed; ``first`` is the number of the first query."""

    def __init__(self, first: int = 0) -> None:
        self.first = first

    def query(self, number: int) -> Picture:
        """The photo of a query."""
        return drawn_picture((self.first + number) % 4)

    def hit(self, id_: str) -> Picture:
        """A photo by the digits of its id."""
        return drawn_picture(int(id_[1:]) % 4)


@cache
def drawn_picture(seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    pixels = np.full((96, 80, 3), rng.integers(60, 200, 3), dtype=np.uint8)
    for _ in range(10):
        x, y = (int(value) for value in rng.integers(0, 80, 2))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.rectangle(pixels, (x, y), (x + 14, y + 9), colour, -1)
        cv2.putText(pixels, chr(65 + x % 26), (x, y + 9), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour[::-1], 1)
    return Picture(f"photo {seed}", hashlib.sha256(pixels.tobytes()).hexdigest(), pixels.copy)


def ranked(gallery: Gallery, vector: np.ndarray, rows: list[int], name: str = "q") -> SearchResult:
    """Some rows of the gallery as hits."""
    cosines = gallery.vectors @ vector
    order = sorted(rows, key=lambda row: (-cosines[row], gallery.ids[row]))
    metadata = tuple({"item": f"item of {gallery.ids[row]}"} for row in order)
    return SearchResult(name, tuple(gallery.ids[row] for row in order), cosines[order], metadata)


def asked(*, images: int = 40, queries: int = 3, seed: int = 0, vectors: np.ndarray | None = None) -> RankedQueries:
    """Queries of a drawn gallery, whole rankings."""
    rng = np.random.default_rng(seed)
    if vectors is None:
        centres = rng.normal(size=(6, 5))
        vectors = unit_rows(centres[rng.integers(0, 6, images)] + 0.5 * rng.normal(size=(images, 5)))
    said = tuple({"category": f"c{number % 3}"} if number % 5 else {} for number in range(len(vectors)))
    gallery = Gallery(tuple(f"g{number:02d}" for number in range(len(vectors))), vectors, metadata=said)
    looking = unit_rows(rng.normal(size=(queries, vectors.shape[1])))
    results = tuple(ranked(gallery, one, list(range(len(vectors))), f"q{n}") for n, one in enumerate(looking))
    return RankedQueries(results, looking, gallery, Drawn())


def check(before: RankedQueries, after: RankedQueries) -> None:
    """The same ids with their metadata and query names, in order of falling score, equal scores by id."""
    assert len(before) == len(after)
    for given_, found in zip(before.results, after.results, strict=True):
        assert found.query == given_.query
        assert sorted(found.ids) == sorted(given_.ids)
        assert dict(zip(found.ids, found.metadata, strict=True)) == dict(zip(given_.ids, given_.metadata, strict=True))
        keys = [(-score, id_) for score, id_ in zip(found.scores.tolist(), found.ids, strict=True)]
        assert keys == sorted(keys)
        assert np.all(np.isfinite(found.scores))
    assert after.vectors.shape == (len(before), after.gallery.vectors.shape[1])


def test_keeps_ids_names_and_metadata(reranker):
    queries = asked()
    check(queries, reranker(queries))


def test_leaves_what_it_is_given_as_it_was(reranker):
    queries = asked()
    vectors, gallery, ids = queries.vectors.copy(), queries.gallery.vectors.copy(), [r.ids for r in queries.results]
    reranker(queries)
    np.testing.assert_array_equal(queries.vectors, vectors)
    np.testing.assert_array_equal(queries.gallery.vectors, gallery)
    assert [result.ids for result in queries.results] == ids


def test_gives_the_same_answer_again(reranker):
    queries = asked(seed=1)
    first, again = reranker(queries), build_reranker(reranker.describe())(queries)
    for left, right in zip(first.results, again.results, strict=True):
        assert left.ids == right.ids
        np.testing.assert_array_equal(left.scores, right.scores)


def test_a_query_is_answered_alone_as_among_others(reranker):
    queries = asked(seed=2)
    together = reranker(queries)
    for number, expected in enumerate(together.results):
        one = queries.results[number : number + 1]
        alone = RankedQueries(one, queries.vectors[[number]], queries.gallery, Drawn(first=number))
        [answer] = reranker(alone).results
        assert answer.ids == expected.ids
        np.testing.assert_allclose(answer.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize("depth", [0, 1, 2, 7])
def test_few_hits_or_none(reranker, depth):
    queries = asked()
    cut = [SearchResult(r.query, r.ids[:depth], r.scores[:depth], r.metadata[:depth]) for r in queries.results]
    short = queries.replace(results=tuple(cut))
    check(short, reranker(short))


@pytest.mark.parametrize("images", [0, 1, 2, 3])
def test_galleries_smaller_than_any_neighbourhood(reranker, images):
    queries = asked(vectors=unit_rows(np.random.default_rng(3).normal(size=(images, 4))))
    check(queries, reranker(queries))


def test_no_queries(reranker):
    queries = asked(queries=0)
    assert len(reranker(queries)) == 0


def test_equal_vectors_have_neighbouring_places_in_order_of_ids(reranker):
    vectors = np.repeat(unit_rows(np.random.default_rng(4).normal(size=(5, 4))), 4, axis=0)
    queries = asked(vectors=vectors)
    after = reranker(queries)
    check(queries, after)


@pytest.mark.parametrize("zeros", [[0], [3, 7, 8], range(12)])
def test_vectors_of_zeros(reranker, zeros):
    vectors = unit_rows(np.random.default_rng(5).normal(size=(12, 4)))
    vectors[list(zeros)] = 0
    queries = asked(vectors=vectors)
    check(queries, reranker(queries))
    blind = queries.replace(vectors=np.zeros_like(queries.vectors))
    check(blind, reranker(blind))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_equal_hits_does_not_matter(reranker, seed, shuffled):
    # Vectors from a few directions: many hits have equal scores, in whatever order a search brings them.
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.integers(-1, 2, size=(14, 3)).astype(np.float32))
    queries = asked(vectors=vectors, queries=1)
    result = queries.results[0]
    places = list(range(len(result)))
    shuffled.shuffle(places)
    places.sort(key=lambda place: -result.scores[place])
    mixed = SearchResult(
        result.query,
        tuple(result.ids[place] for place in places),
        result.scores[places],
        tuple(result.metadata[place] for place in places),
    )
    left, right = reranker(queries).results[0], reranker(queries.replace(results=(mixed,))).results[0]
    assert left.ids == right.ids
    np.testing.assert_array_equal(left.scores, right.scores)


def test_fitting_changes_nothing_but_the_waiting(reranker):
    queries = asked(seed=6)
    fresh = build_reranker(reranker.describe())
    fitted = fresh.fit(queries.gallery)
    assert fitted.ids == queries.gallery.ids
    for left, right in zip(fresh(queries).results, reranker(queries).results, strict=True):
        assert left.ids == right.ids


def test_says_what_it_needs(reranker):
    queries = asked(seed=7)
    if reranker.needs_pictures:
        with pytest.raises(InvalidInputError, match="photo|picture"):
            reranker(queries.replace(pictures=None))
    else:
        check(queries, reranker(queries.replace(pictures=None)))
    if reranker.metadata_fields:
        bare = Gallery(queries.gallery.ids, queries.gallery.vectors)
        with pytest.raises(InvalidInputError, match="metadata"):
            reranker(queries.replace(gallery=bare))
    if not reranker.needs_gallery:
        some = sorted({id_ for result in queries.results for id_ in result.ids[:5]})
        rows = [queries.gallery.position[id_] for id_ in some]
        said = tuple(queries.gallery.metadata[row] for row in rows)
        part = Gallery(tuple(some), queries.gallery.vectors[rows], metadata=said)
        cut = tuple(SearchResult(r.query, r.ids[:5], r.scores[:5], r.metadata[:5]) for r in queries.results)
        whole, alone = reranker(queries.replace(results=cut)), reranker(queries.replace(results=cut, gallery=part))
        assert [result.ids for result in whole.results] == [result.ids for result in alone.results]
    assert reranker.depth >= 1


@pytest.mark.parametrize("name", available_rerankers())
def test_is_a_frozen_value_named_as_its_file(name):
    kind = reranker_class(name)
    assert kind.name == name
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert build_reranker(name) == build_reranker(build_reranker(name).describe())
    assert len(inspect.getdoc(kind) or "") > 80
