"""Filters: the definition, and what a command line can say."""

import pytest

from util.errors import InvalidInputError
from util.vector_store.filters import Range, matches, options, parse_where

MILK = {"item": "milk", "year": 1999, "share": 0.5, "seven": "7", "good": True, "tags": ["red", "7"], "none": None}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, True),
        ({"item": "milk"}, True),
        ({"item": "Milk"}, False),
        ({"item": ["cream", "milk"]}, True),
        ({"item": {"cream", "milk"}}, True),
        ({"item": []}, False),
        ({"year": 1999.0}, True),
        ({"year": "1999"}, False),
        ({"seven": 7}, False),
        ({"good": True}, True),
        ({"good": 1}, False),
        ({"year": True}, False),
        ({"tags": "red"}, True),
        ({"tags": 7}, False),
        ({"tags": ["blue", "7"]}, True),
        ({"none": ""}, False),
        ({"absent": "x"}, False),
        ({"year": Range(gte=1999, lt=2000)}, True),
        ({"year": Range(gt=1999)}, False),
        ({"share": Range(lte=0.5)}, True),
        ({"good": Range(gte=0)}, False),
        ({"item": Range(gte=0)}, False),
        ({"absent": Range(gte=0)}, False),
        ({"item": "milk", "year": 1}, False),
    ],
)
def test_matches(where, expected):
    assert matches(MILK, where) is expected


@pytest.mark.parametrize("condition", [None, b"milk", {"a": 1}, [None], [["a"]], object()])
def test_options_refuse_what_metadata_cannot_hold(condition):
    with pytest.raises(InvalidInputError, match="a filter compares with"):
        options(condition)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], {}),
        (["item=milk"], {"item": "milk"}),
        (["item=milk, cream"], {"item": ("milk", "cream")}),
        (['item="milk, cream"'], {"item": "milk, cream"}),
        (["size=7"], {"size": (7, "7")}),
        (["size=-1.5e3"], {"size": (-1500.0, "-1.5e3")}),
        (['code="007"'], {"code": "007"}),
        (["good=true"], {"good": (True, "true")}),
        (["a.b-c=x=y"], {"a.b-c": "x=y"}),
        (["year>=1900", "year<1950"], {"year": Range(gte=1900, lt=1950)}),
        (["year > 3"], {"year": Range(gt=3)}),
    ],
)
def test_parse_where(conditions, expected):
    assert parse_where(conditions) == expected


@pytest.mark.parametrize(
    ("conditions", "part"),
    [
        (["milk"], "cannot read the filter"),
        (["=milk"], "cannot read the filter"),
        (["item="], "has no value"),
        (["item=a", "item=b"], "twice"),
        (["year>1", "year=2"], "twice"),
        (["year=2", "year>1"], "twice"),
        (["year>1", "year>2"], "twice"),
        (["year>old"], "needs a number"),
        (["year>nan"], "needs a number"),
    ],
)
def test_parse_where_refuses(conditions, part):
    with pytest.raises(InvalidInputError, match=part):
        parse_where(conditions)


def test_a_range_without_ends_is_refused():
    with pytest.raises(InvalidInputError, match="at least one"):
        Range()
