"""Numbers in two parts order as the numbers do."""

import itertools
import math
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from util.vector_store.qdrant.numbers import canonical, parts

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = FLOATS | st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**63), 2**63 - 1).map(float)

EDGES = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.0**-1022,
    sys.float_info.max,
    -sys.float_info.max,
    -(2**63),
    2**63 - 1,
    2**53 + 1,
]


@given(NUMBERS)
def test_both_parts_are_whole_and_exact_as_floats(number):
    high, low = parts(number)
    assert 0 <= high < 2**32
    assert 0 <= low < 2**43


@pytest.mark.parametrize("number", [0, 1, 7.0, 1999, 2**31, 0.5])
def test_what_is_positive_and_short_has_no_low_part(number):
    assert parts(number).low == 0


@given(NUMBERS)
def test_the_neighbours_differ(number):
    for other in (math.nextafter(float(number), math.inf), math.nextafter(float(number), -math.inf)):
        if math.isfinite(other):
            assert (parts(number) < parts(other)) == (number < other)
            assert (parts(number) == parts(other)) == (number == other)


@given(NUMBERS, NUMBERS)
@example(2**53, 2**53 + 1)
@example(float(2**53), 2**53 + 1)
@example(0.1, 0.1 + 2**-56)
def test_pairs_order_as_numbers(one, other):
    assert (parts(one) < parts(other)) == (one < other)
    assert (parts(one) == parts(other)) == (one == other)


def test_pairs_order_as_numbers_at_the_edges():
    for one, other in itertools.product(EDGES, EDGES):
        assert (parts(one) < parts(other)) == (one < other)


@given(NUMBERS, NUMBERS)
@example(2.0**60, 2**60)
def test_equal_numbers_are_written_alike(one, other):
    assert (repr(canonical(one)) == repr(canonical(other))) == (one == other)
