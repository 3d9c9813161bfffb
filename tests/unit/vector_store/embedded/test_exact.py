"""Exact search against all products in float64."""

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from util.records import unit_rows
from util.vector_store.embedded import exact
from util.vector_store.embedded.exact import as_scores, best_of, full_scores, nearest, rounding_error
from util.vector_store.embedded.rows import VectorRows


def make_rows(vectors, dead=(), cut=None):
    cut = len(vectors) // 2 if cut is None else cut
    keys = np.arange(1, len(vectors) + 1)
    return VectorRows(1, keys, (vectors[:cut], vectors[cut:]), np.array(sorted(dead), dtype=np.intp))


def all_best(vectors, query, k, among):
    """Every row whose score is at least the k-th best of some rows, by one loop."""
    scores = {p: np.float32(np.clip(np.dot(vectors[p].astype(float), query.astype(float)), -1, 1)) for p in among}
    if not scores:
        return {}
    least = sorted(scores.values(), reverse=True)[:k][-1]
    return {place: score for place, score in scores.items() if score >= least}


def as_dict(candidates):
    return dict(zip(candidates.positions.tolist(), candidates.scores.tolist(), strict=True))


@settings(max_examples=150, deadline=None)
@given(
    tile=st.sampled_from([7, 50, 1 << 22]),
    count=st.integers(0, 60), dimension=st.sampled_from([1, 2, 3, 30]), copies=st.integers(1, 4), k=st.integers(1, 70),
    queries=st.integers(1, 3), seed=st.integers(0, 10**6), data=st.data(),
)  # fmt: skip
def test_nearest_is_what_a_loop_finds(tile, count, dimension, copies, k, queries, seed, data):
    rng = np.random.default_rng(seed)
    vectors = unit_rows(np.tile(rng.standard_normal((count, dimension)), (copies, 1)))
    # As far from length 1 as the store allows: some products are beyond 1 and -1, and cut off there.
    vectors *= rng.choice(np.float32([1 - 9e-5, 1, 1 + 9e-5]), size=(len(vectors), 1))
    dead = data.draw(st.sets(st.integers(0, max(0, len(vectors) - 1)), max_size=len(vectors)))
    among = data.draw(st.none() | st.sets(st.integers(0, max(0, len(vectors) - 1)), max_size=len(vectors)))
    alive = [place for place in range(len(vectors)) if place not in dead]
    chosen = alive if among is None else [place for place in alive if place in among]
    rows = make_rows(vectors, dead, cut=data.draw(st.integers(0, len(vectors))))
    asked = unit_rows(rng.standard_normal((queries, dimension))) * np.float32(1 + 5e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_PRODUCTS", tile)
        patch.setattr(exact, "_QUERIES", 2)
        found = nearest(rows, asked, k, among=None if among is None else np.array(chosen, dtype=np.intp))
    assert len(found) == queries
    for query, candidates in zip(asked, found, strict=True):
        expected = all_best(vectors, query, k, chosen)
        scores = as_dict(candidates)
        assert scores.keys() == expected.keys()
        np.testing.assert_allclose([scores[place] for place in expected], list(expected.values()), atol=1e-7)


@pytest.mark.parametrize("dimension", [2, 64, 511, 512])
def test_equal_vectors_have_equal_scores_wherever_they_lie(dimension):
    rng = np.random.default_rng(dimension)
    one = unit_rows(rng.standard_normal((1, dimension)))
    vectors = unit_rows(rng.standard_normal((3001, dimension)))
    places = rng.choice(3001, size=500, replace=False)
    vectors[places] = one
    near = unit_rows(one + 0.3 * unit_rows(rng.standard_normal((1, dimension))))
    score = best_of(make_rows(vectors), near[0], places, 1).scores[0]
    candidates = nearest(make_rows(vectors), near, 3001)[0]
    assert {as_dict(candidates)[place] for place in places} == {score}
    better = np.count_nonzero(candidates.scores > score)
    assert set(places) <= set(nearest(make_rows(vectors), near, better + 1)[0].positions.tolist())


def test_a_score_does_not_depend_on_the_other_queries():
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.standard_normal((997, 96)))
    asked = unit_rows(rng.standard_normal((64, 96)))
    together = nearest(make_rows(vectors), asked, 5)
    for query, candidates in zip(asked, together, strict=True):
        alone = nearest(make_rows(vectors, cut=100), query[np.newaxis], 5)[0]
        assert as_dict(alone) == as_dict(candidates)


def test_a_score_is_the_product_rounded_once():
    rng = np.random.default_rng(1)
    vectors = unit_rows(rng.standard_normal((50, 128)))
    scores = best_of(make_rows(vectors), vectors[0], np.arange(50), 50).scores
    for vector, score in zip(vectors.tolist(), scores.tolist(), strict=True):
        product = sum(Fraction(a) * Fraction(b) for a, b in zip(vector, vectors[0].tolist(), strict=True))
        assert score == min(1.0, float(np.float32(float(product))))


def test_many_blocks_of_queries_and_rows():
    rng = np.random.default_rng(2)
    vectors = unit_rows(rng.standard_normal((5000, 8)))
    asked = unit_rows(rng.standard_normal((1000, 8)))
    rows = make_rows(vectors, dead={0, 4999})
    blocks = list(full_scores(rows, asked, rows.alive))
    assert len(blocks) > 1
    np.testing.assert_allclose(np.vstack(blocks), asked @ vectors[1:-1].T, atol=1e-6)
    best = [candidates.positions[np.argmax(candidates.scores)] for candidates in nearest(rows, asked, 1)]
    assert best == (np.argmax(np.vstack(blocks), axis=1) + 1).tolist()


@given(st.integers(1, 3000), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_float32_products_stay_within_the_bound(dimension, seed):
    rng = np.random.default_rng(seed)
    one, other = unit_rows(rng.standard_normal((2, dimension)) ** 3)
    backwards = np.float32(0)
    for a, b in zip(one[::-1], other[::-1], strict=True):
        backwards += a * b
    true = np.dot(one.astype(float), other.astype(float))
    assert abs(float(one @ other) - true) <= rounding_error(dimension)
    assert abs(float(backwards) - true) <= rounding_error(dimension)


def test_scores_are_cosines():
    scores = as_scores(np.array([1 + 1e-9, -1.1, -0.0, 0.25]))
    assert scores.tolist() == [1.0, -1.0, 0.0, 0.25]
    assert not np.signbit(scores[2])
    assert scores.dtype == np.float32


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_cut_off_at_the_end_of_the_range_are_equal(sign):
    lengths = np.float32([1 - 9e-5, 1, 1 + 5e-5, 1 + 9e-5])
    rows = make_rows(lengths[:, np.newaxis] * np.float32([[0.6, 0.8]]))
    query = sign * (1 + 2e-5) * np.float32([[0.6, 0.8]])
    found = as_dict(nearest(rows, query, 2)[0])
    assert found.keys() == ({1, 2, 3} if sign == 1 else {0, 1, 2, 3})
    assert [found[place] for place in (1, 2, 3)] == [sign] * 3
