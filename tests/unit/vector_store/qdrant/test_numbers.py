"""Numbers in two parts order as the numbers do, without loss."""

import itertools
import math
import sys
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from util.vector_store.qdrant.numbers import LARGEST, canonical, parts

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
@pytest.mark.filterwarnings("error")
def test_the_parts_sum_to_the_number_exactly(number):
    leading, remainder = parts(number)
    assert Fraction(leading) + Fraction(remainder) == Fraction(number)


@pytest.mark.parametrize("number", EDGES)
def test_edges(number):
    leading, remainder = parts(number)
    assert Fraction(leading) + Fraction(remainder) == Fraction(number)
    assert abs(leading) <= LARGEST


@given(NUMBERS)
def test_neither_part_needs_more_bits_than_a_careless_parser_keeps(number):
    leading, remainder = parts(number)
    assert (math.frexp(leading)[0] * 2**24).is_integer()
    for part in (leading, remainder):
        if abs(part) > 2.0**-1000:  # below, a float has fewer bits anyway
            assert (math.frexp(part)[0] * 2**40).is_integer()


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
