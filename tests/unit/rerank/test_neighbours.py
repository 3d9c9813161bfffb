"""Exact nearest neighbours, equal ones in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from util.records import unit_rows
from util.rerank import _neighbours
from util.rerank._largest import largest
from util.rerank._neighbours import nearest_neighbours, neighbours_of_rows

SMALL = st.tuples(st.integers(1, 7), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
)


@given(SMALL, st.integers(1, 9))
def test_largest_are_the_first_of_a_full_sort(values, k):
    k = min(k, values.shape[1])
    columns, found = largest(values, k)
    for row, expected in enumerate(values):
        order = sorted(range(len(expected)), key=lambda column, e=expected: (-e[column], column))[:k]
        assert columns[row].tolist() == order
        assert found[row].tolist() == expected[order].tolist()


@pytest.mark.parametrize("columns", [256, 512, 100_000])
def test_neighbours_are_those_of_a_full_sort_however_the_work_is_cut(drawn, monkeypatch, columns):
    vectors = drawn(0, images=700).gallery.vectors
    monkeypatch.setattr(_neighbours, "_COLUMNS", columns)
    rows, cosines = nearest_neighbours(vectors, 5)
    exact = vectors.astype(float) @ vectors.T.astype(float)
    np.fill_diagonal(exact, -np.inf)
    np.testing.assert_array_equal(rows, np.argsort(-exact, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(cosines, np.take_along_axis(exact, rows.astype(int), axis=1), atol=1e-6)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_equal_cosines_come_in_order_of_rows(images, seed, k):
    vectors = np.random.default_rng(seed).integers(-1, 2, (images, 3)).astype(np.float32)
    rows, _ = nearest_neighbours(vectors, k)
    for row, found in enumerate(rows.tolist()):
        others = sorted(
            set(range(images)) - {row}, key=lambda other, row=row: (-(vectors[row] @ vectors[other]), other)
        )
        assert found == others[:k]


@pytest.mark.parametrize("dimension", [2, 15, 16, 130, 512])
def test_a_cosine_is_the_same_number_in_any_gallery_and_both_ways(dimension):
    rng = np.random.default_rng(dimension)
    vectors = unit_rows(rng.normal(size=(600, dimension)))
    whole = table(*nearest_neighbours(vectors, 599))
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_array_equal(table(*nearest_neighbours(vectors[:411], 410)), whole[:411, :411])
    some = rng.permutation(600)[:9]
    rows, cosines = neighbours_of_rows(vectors, some, 599)
    np.testing.assert_array_equal(whole[some[:, None], rows], cosines)


def table(rows, cosines):
    """Cosines by row and column, zero on the diagonal."""
    filled = np.zeros((len(rows), len(rows)), np.float32)
    filled[np.arange(len(rows))[:, None], rows] = cosines
    return filled


@pytest.mark.parametrize("images", [0, 1, 2])
def test_few_images_have_few_neighbours(images):
    rows, cosines = nearest_neighbours(np.ones((images, 3), np.float32), 5)
    assert rows.shape == cosines.shape == (images, max(0, images - 1))
