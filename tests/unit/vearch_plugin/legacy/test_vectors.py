"""Vectors are compared by cosine; the scores of 2021 follow from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import DimensionMismatchError, InvalidInputError
from vearch_plugin.legacy.vectors import VectorField

NORMALIZED = VectorField("image", 3, normalize=True)
PLAIN = VectorField("image", 3)
DISTANCE = VectorField("image", 3, "L2")

VECTORS = st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 1e-3)


@given(VECTORS, VECTORS)
def test_scores_are_the_inner_product_and_the_squared_distance_of_unit_vectors(first, second):
    rows = [np.asarray(vector) / np.linalg.norm(vector) for vector in (first, second)]
    cosine = float((NORMALIZED.rows(first) @ NORMALIZED.rows(second).T)[0, 0])
    assert NORMALIZED.score(cosine) == pytest.approx(float(rows[0] @ rows[1]), abs=1e-5)
    assert DISTANCE.score(cosine) == pytest.approx(float(np.sum((rows[0] - rows[1]) ** 2)), abs=1e-5)


@given(st.floats(-1, 1), st.floats(0, 4), st.floats(0, 4))
def test_bounds_on_scores_are_bounds_on_cosines(cosine, low, high):
    for field in (PLAIN, DISTANCE):
        score = field.score(cosine)
        if min(abs(score - low), abs(score - high)) > 1e-9:
            smallest, largest = field.cosines(low, high)
            assert (low <= score <= high) == (smallest <= cosine <= largest)


def test_a_vector_of_length_1_needs_no_normalization():
    assert PLAIN.rows([0.6, 0.0, 0.8004]).shape == (1, 3)
    assert np.linalg.norm(PLAIN.rows([0.6, 0.0, 0.8004])) == pytest.approx(1, abs=1e-6)


def test_vectors_of_any_length_are_brought_to_length_1():
    for factor in (1e-300, 1e-3, 1e300):
        np.testing.assert_allclose(NORMALIZED.rows([3 * factor, 0, 4 * factor]), [[0.6, 0, 0.8]], rtol=1e-6)


def test_a_vector_of_zeros_is_similar_to_nothing():
    np.testing.assert_array_equal(NORMALIZED.rows([0, 0, 0]), [[0, 0, 0]])


def test_a_query_may_ask_for_its_own_normalization():
    np.testing.assert_allclose(PLAIN.rows([3, 0, 4], normalize=True), [[0.6, 0, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "feature", "error", "part"),
    [
        (NORMALIZED, [1, 2], DimensionMismatchError, "dimension 3, not 2 numbers"),
        (NORMALIZED, [], DimensionMismatchError, "dimension 3, not 0 numbers"),
        (NORMALIZED, [1, 2, None], InvalidInputError, "holds null"),
        (NORMALIZED, [1, 2, "3"], InvalidInputError, "holds text"),
        (NORMALIZED, [1, 2, True], InvalidInputError, "holds a boolean"),
        (NORMALIZED, [[1], [2], [3]], InvalidInputError, "holds an array"),
        (NORMALIZED, [1, 2, 10**400], InvalidInputError, "NaN or infinity"),
        (PLAIN, [3, 0, 4], InvalidInputError, "has length 5, and NearID compares by cosine"),
        (PLAIN, [0, 0, 0], InvalidInputError, "has length 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(field, feature, error, part):
    with pytest.raises(error, match=part):
        field.rows(feature)
