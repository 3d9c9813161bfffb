"""A filter matches the same images in Qdrant as by NearID's definition."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from qdrant_client import models
from qdrant_client.local.payload_filters import check_filter

from util.errors import InvalidInputError
from util.vector_store.filters import Range, matches
from util.vector_store.qdrant.conditions import as_filter, compared_fields
from util.vector_store.qdrant.points import point_id, points_of, term
from util.vector_store.validation import Batch

EDGES = st.sampled_from([0, -0.0, 1, 7, 7.0, True, 0.1, 2**53, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63), 1e300, -1e300])
NUMBERS = EDGES | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
BOUNDS = EDGES | st.floats() | st.integers(-(10**400), 10**400) | st.sampled_from([10**300, 2**63, -(2**63) - 1, 2**64])
TEXTS = st.sampled_from(["", "milk", "7", "true", '["milk"]', "ü", "x" * 500, "x" * 501]) | st.text(max_size=3)
FIELDS = st.sampled_from(["", "n", "a.b", 'q"', "n[]", "ü", "-", "a-b", "a=b"])
VALUES = NUMBERS | st.booleans() | TEXTS | st.none() | st.lists(TEXTS, max_size=3)
METADATA = st.dictionaries(FIELDS, VALUES, max_size=4)
RANGES = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), BOUNDS, min_size=1, max_size=2)
OPTIONS = BOUNDS | st.booleans() | TEXTS
CONDITIONS = OPTIONS | st.lists(OPTIONS, max_size=3) | RANGES.map(lambda ends: Range(**ends))


def passes(metadata, where):
    storable = {name: value for name, value in metadata.items() if "\0" not in str(value)}
    (point,) = points_of(Batch(("a",), np.zeros((1, 2), dtype=np.float32), (storable,)))
    return check_filter(as_filter(where) or models.Filter(), point.payload, point.id, {})


@settings(max_examples=400, deadline=None)
@given(METADATA, st.dictionaries(FIELDS, CONDITIONS, max_size=2))
def test_any_filter_matches_what_it_is_defined_to(metadata, where):
    assert passes(metadata, where) == matches(metadata, where)


@settings(max_examples=400, deadline=None)
@given(NUMBERS, RANGES)
def test_any_range_of_one_number(number, ends):
    assert passes({"n": number}, {"n": Range(**ends)}) == Range(**ends).contains(number)


@pytest.mark.parametrize("end", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize(
    "number", [2**53 + 1, -(2**53) - 1, 0.1, -0.1, 3, -3, 0, 2**62 + 1, 5e-324, 1.7976931348623157e308]
)
def test_ranges_that_end_at_the_number_and_next_to_it(number, end):
    step = 1 if isinstance(number, int) else math.ulp(number)
    for bound in (number - step, number, number + step, float(number), math.nextafter(float(number), 0)):
        there = Range(**{end: bound})
        assert passes({"n": number}, {"n": there}) == there.contains(number)


@pytest.mark.parametrize("condition", [None, {"a": 1}, b"x", object(), [None], [[1]]])
def test_what_no_filter_compares_with_is_refused(condition):
    with pytest.raises(InvalidInputError, match="filter"):
        as_filter({"a": condition})


def test_no_filter_and_an_empty_one_match_everything():
    assert as_filter(None) is None
    assert as_filter({}) is None
    assert compared_fields(None) == {}


@given(FIELDS, OPTIONS, FIELDS, OPTIONS)
def test_terms_are_equal_where_field_and_value_are(field, value, other_field, other):
    if any(isinstance(option, float) and not math.isfinite(option) for option in (value, other)):
        return
    equal = field == other_field and matches({field: value}, {field: other})
    assert (term(field, value) == term(other_field, other)) == equal


def test_a_point_is_named_by_the_id_of_its_image():
    # Written down: another name would be another point, and every image would be there twice.
    assert point_id("a.jpg") == "41bf49d2-124e-543d-8a4c-ca766f619f2d"
    names = [point_id(name) for name in ("a", "A", "a ", "ü", "\udc80", "")]
    assert len(set(names)) == len(names)
