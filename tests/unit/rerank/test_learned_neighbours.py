"""A gallery that changed is learned from what was known of it, and the result is that of learning from scratch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.records import unit_rows
from util.rerank import _learned_neighbours, build_reranker
from util.rerank._cache import ArrayCache
from util.rerank._learned_neighbours import learned_neighbours
from util.rerank._neighbours import nearest_neighbours
from util.rerank.base import Gallery


def pool_of(images, seed=0, dimension=12, items=20):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, items, images)
    vectors = rng.normal(size=(items, dimension))[labels] + 0.5 * rng.normal(size=(images, dimension))
    return Gallery(tuple(f"g{number:04}" for number in range(images)), unit_rows(vectors), "extractor")


def some(pool, rows):
    return Gallery(tuple(pool.ids[row] for row in rows), pool.vectors[rows], pool.fingerprint)


@pytest.fixture
def scratches(monkeypatch):
    """How many galleries were learned from nothing."""
    made = []
    list_neighbours = _learned_neighbours.list_neighbours
    monkeypatch.setattr(
        _learned_neighbours,
        "list_neighbours",
        lambda vectors, k: made.append(len(vectors)) or list_neighbours(vectors, k),
    )
    return made


def assert_from_scratch(gallery, k, cache):
    for got, expected in zip(
        learned_neighbours(gallery, k, cache), nearest_neighbours(gallery.vectors, k), strict=True
    ):  # fmt: skip
        np.testing.assert_array_equal(got, expected)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 25), changes=st.lists(st.floats(0, 0.4), max_size=4))
def test_any_history_gives_what_scratch_gives(seed, k, changes):
    rng, pool, cache = np.random.default_rng(seed), pool_of(80, seed), ArrayCache()
    present = rng.random(80) < 0.7
    for share in (0.0, *changes):
        present = present ^ (rng.random(80) < share)
        assert_from_scratch(some(pool, np.flatnonzero(present)), k, cache)


def test_a_grown_and_a_shrunk_gallery_follow(scratches, tmp_path):
    pool = pool_of(300)
    learned_neighbours(some(pool, np.arange(250)), 10, ArrayCache(tmp_path))
    assert scratches == [250]
    assert_from_scratch(pool, 10, ArrayCache(tmp_path))  # another process
    assert_from_scratch(some(pool, np.arange(20, 290)), 10, ArrayCache(tmp_path))
    assert scratches == [250]


def test_the_content_with_most_in_common_is_followed(scratches, monkeypatch):
    followed = []
    follow = _learned_neighbours.follow
    monkeypatch.setattr(
        _learned_neighbours,
        "follow",
        lambda lists, kept, *a, **b: followed.append(len(kept)) or follow(lists, kept, *a, **b),
    )
    pool, cache = pool_of(300), ArrayCache()
    for rows in (np.arange(0, 200), np.arange(180, 300), np.arange(0, 190)):
        learned_neighbours(some(pool, rows), 5, cache)
    learned_neighbours(some(pool, np.arange(0, 201)), 5, cache)
    assert scratches == [200, 120]
    assert followed == [190, 200]


def test_fewer_neighbours_are_taken_from_more(scratches):
    pool, cache = pool_of(200), ArrayCache()
    assert_from_scratch(pool, 60, cache)
    assert_from_scratch(pool, 10, cache)
    assert scratches == [200]
    assert_from_scratch(pool, 90, cache)
    assert scratches == [200, 200]


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: Gallery(pool.ids[::-1], pool.vectors[::-1], pool.fingerprint),  # the order of equal cosines
        lambda pool: Gallery(pool.ids, np.roll(pool.vectors, 1, axis=0), pool.fingerprint),
        lambda pool: Gallery(pool.ids, pool.vectors, "another extractor"),
        lambda pool: Gallery(tuple(f"x{id_}" for id_ in pool.ids), pool.vectors, pool.fingerprint),
    ],
)
def test_what_has_too_little_in_common_is_learned_anew(scratches, change):
    pool, cache = pool_of(100), ArrayCache()
    learned_neighbours(pool, 5, cache)
    assert_from_scratch(change(pool), 5, cache)
    assert len(scratches) == 2


def test_a_damaged_memory_does_no_harm(tmp_path):
    pool = pool_of(100)
    learned_neighbours(some(pool, np.arange(90)), 5, ArrayCache(tmp_path))
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert_from_scratch(pool, 5, ArrayCache(tmp_path))


@pytest.mark.parametrize("text", ["k_reciprocal:k1=6,k2=3", "diffusion:neighbours=5,truncation=40", "dba:n=4"])
def test_re_rankers_answer_as_if_they_had_learned_from_scratch(drawn, scratches, text):
    queries = drawn(3, images=200)
    gallery = queries.gallery
    before = some(gallery, np.setdiff1d(np.arange(200), [3, 50, 51, 120]))
    taught = build_reranker(text)
    taught.fit(before)
    scratches.clear()
    answered = taught(queries)
    assert scratches == []
    expected = build_reranker(text)(queries)
    assert scratches == [200]
    for one, other in zip(answered.results, expected.results, strict=True):
        assert one.ids == other.ids
        np.testing.assert_array_equal(one.scores, other.scores)
