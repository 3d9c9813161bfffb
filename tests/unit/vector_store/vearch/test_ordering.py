"""Ranges as prefixes, against comparing the numbers."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from util.errors import InvalidInputError
from util.vector_store.filters import Range
from util.vector_store.vearch.ordering import cover, prefixes

WHOLE = st.integers(-(2**63), 2**63 - 1)
EDGES = st.sampled_from([0, -0.0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**60 + 3, 2.0**60, 1e308, 5e-324, -5e-324])
STORED = WHOLE | EDGES | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
BOUND = STORED | st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**400), 10**400)


@given(number=STORED, bounds=st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), BOUND, min_size=1))
def test_a_number_meets_one_prefix_of_the_ranges_it_is_in_and_none_of_the_others(number, bounds):
    asked = Range(**bounds)
    met = set(cover(asked)) & set(prefixes(number))
    assert len(met) == asked.contains(number)


@given(number=STORED, offset=st.integers(-3, 3))
def test_ends_next_to_a_number_are_told_from_it(number, offset):
    near = number + offset
    if isinstance(near, int) and near not in range(-(2**63), 2**63):
        near = float(number)
    for asked in (Range(gt=near), Range(gte=near), Range(lt=near), Range(lte=near)):
        assert len(set(cover(asked)) & set(prefixes(number))) == asked.contains(number)


@given(bounds=st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), STORED, min_size=1))
def test_the_parts_of_a_range_do_not_overlap(bounds):
    parts = sorted((block << shift, (block + 1) << shift) for shift, block in cover(Range(**bounds)))
    assert all(end <= start for (_, end), (start, _) in pairwise(parts))


@pytest.mark.parametrize(
    ("bounds", "most"),
    [
        (Range(gte=1900, lt=1950), 50),
        (Range(gte=0), 20),
        (Range(gte=1, lte=1_000_000), 150),
        (Range(gt=7), 700),
        (Range(gt=0.1, lt=0.2), 1400),
        (Range(gt=2**60 + 1, lt=2**62 + 5), 3500),
    ],
)
def test_a_range_is_few_words(bounds, most):
    assert len(cover(bounds)) <= most


def test_equal_numbers_have_equal_prefixes():
    assert prefixes(2**60) == prefixes(2.0**60)
    assert prefixes(-0.0) == prefixes(0)


@pytest.mark.parametrize("end", ["7", None, [1]])
def test_only_numbers_bound_a_range(end):
    if end is None:
        assert cover(Range(gte=1, lt=None)) == cover(Range(gte=1))
    else:
        with pytest.raises(InvalidInputError, match="numbers as its ends"):
            cover(Range(gte=end))
