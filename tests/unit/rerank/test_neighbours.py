"""Exact nearest neighbours, equal ones in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from util.rerank import _neighbours
from util.rerank._neighbours import largest, nearest_neighbours

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


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_neighbours_do_not_depend_on_the_blocks(drawn, monkeypatch, block):
    vectors = drawn(0).gallery.vectors
    rows, cosines = nearest_neighbours(vectors, 5)
    monkeypatch.setattr(_neighbours, "_BLOCK_NUMBERS", block * len(vectors))
    again, _ = nearest_neighbours(vectors, 5)
    np.testing.assert_array_equal(rows, again)
    for row in range(len(vectors)):
        others = sorted((o for o in range(len(vectors)) if o != row), key=lambda o, r=row: -(vectors[r] @ vectors[o]))
        assert rows[row].tolist() == others[:5]
        np.testing.assert_allclose(cosines[row], [vectors[row] @ vectors[other] for other in others[:5]], atol=1e-6)


@pytest.mark.parametrize("images", [0, 1, 2])
def test_few_images_have_few_neighbours(images):
    rows, cosines = nearest_neighbours(np.ones((images, 3), np.float32), 5)
    assert rows.shape == cosines.shape == (images, max(0, images - 1))
