"""Filters let through what 2021's terms and ranges say, whatever part of them the store decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.vector_store.filters import Range, matches
from vearch_plugin.legacy.documents import parse_document
from vearch_plugin.legacy.filters import parse_filter
from vearch_plugin.legacy.schema import Schema

SCHEMA = Schema.parse(
    {
        "name": "s",
        "properties": {
            "v": {"type": "vector", "dimension": 1},
            "word": {"type": "keyword"},
            "tags": {"type": "string", "array": True},
            "views": {"type": "integer"},
            "sizes": {"type": "integer", "array": True},
        },
    }
)
WORDS, SMALL = st.sampled_from("abc"), st.integers(0, 4)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"word": WORDS, "tags": st.lists(WORDS), "views": SMALL, "sizes": st.lists(SMALL)}
)
VALUES = {"word": WORDS, "tags": WORDS, "views": SMALL, "sizes": SMALL}
TERMS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(
        lambda values, operator: {"term": {name: values} | ({} if operator is None else {"operator": operator})},
        st.lists(VALUES[name], min_size=1, max_size=3),
        st.sampled_from([None, "and", "or", "not", "OR"]),
    )
)
ENDS = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), SMALL, min_size=1)
RANGES = st.builds(lambda name, ends: {"range": {name: ends}}, st.sampled_from(["views", "sizes"]), ENDS)


def holds(document, condition) -> bool:
    """2021's meaning, told naively: on the document as it was written."""
    if "term" in condition:
        (name, wanted), operator = next(iter(condition["term"].items())), condition["term"].get("operator", "or")
        value = document.get(name)
        has = [] if value is None else value if isinstance(value, list) else [value]
        met = [word in has for word in wanted]
        return {"and": all(met), "or": any(met), "not": not any(met)}[operator.lower()]
    name, ends = next(iter(condition["range"].items()))
    value = document.get(name)
    compare = {
        "gt": lambda x, end: x > end, "gte": lambda x, end: x >= end,
        "lt": lambda x, end: x < end, "lte": lambda x, end: x <= end,
    }  # fmt: skip
    members = [] if value is None else value if isinstance(value, list) else [value]
    return any(all(compare[end](member, at) for end, at in ends.items()) for member in members)


@given(DOCUMENTS, st.lists(TERMS | RANGES, max_size=4))
def test_a_filter_means_what_it_meant(document, conditions):
    parsed = parse_filter(SCHEMA, conditions)
    metadata = parse_document(SCHEMA, {**document, "v": {"feature": [1]}}).metadata
    accepted = matches(metadata, parsed.where) and parsed.accepts(metadata)
    assert accepted == all(holds(document, condition) for condition in conditions)


def test_the_bottle_programs_filter_is_the_stores_alone(bottles):
    conditions = [
        {"term": {"operator": "and", "keyword": ["restaurant 7"]}},
        {"term": {"operator": "and", "model_name": ["vgg16"]}},
    ]
    parsed = parse_filter(bottles, conditions)
    assert parsed.where == {"keyword": "restaurant 7", "model_name": "vgg16"}
    assert parsed.tests == ()


def test_range_and_term_may_stand_in_one_filter(everything):
    parsed = parse_filter(everything, [{"range": {"int": {"gte": 1, "lte": 3}}, "term": {"string": "a"}}])
    assert parsed.where == {"int": Range(gte=1, lte=3), "string": ("a",)}


def test_old_names_of_the_ends(everything):
    condition = {"range": {"int": {"from": 1, "to": 3, "include_lower": True}}}
    assert parse_filter(everything, [condition]).where == {"int": Range(gte=1, lt=3)}


def test_dates_are_compared_as_dates(everything):
    parsed = parse_filter(everything, [{"range": {"day": {"gte": "2021-03-01", "lt": "2021-04-01"}}}])
    days = ["2021-02-28", "2021-03-01", "2021-03-31", "2021-04-01"]
    bodies = [{"day": day, "vector1": {"feature": [1, 0]}} for day in days]
    assert [matches(parse_document(everything, body).metadata, parsed.where) for body in bodies] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_filter", "part"),
    [
        ({"term": {}}, "must be a JSON array"),
        (["term"], "must be a JSON object"),
        ([{}], "a filter is"),
        ([{"terms": {"sid": ["1"]}}], "a filter is"),
        ([{"term": {"sid": ["1"]}, "geo": {}}], "a filter is"),
        ([{"term": None}], "names a field"),
        ([{"term": {"operator": "and"}}], "names a field"),
        ([{"term": {"sid": []}}], "is empty"),
        ([{"term": {"sid": [["1"]]}}], "holds an array"),
        ([{"term": {"sid": ["1"], "operator": "xor"}}], "operator"),
        ([{"term": {"sid": ["1"], "operator": ["and"]}}], "operator"),
        ([{"term": {"missing": ["1"]}}], r"field:\[missing\] not found in mapping"),
        ([{"term": {"image": ["1"]}}], r"field:\[image\] not found in mapping"),
        ([{"range": {"sid": {"gt": 1}}}], "a range needs numbers or dates"),
        ([{"range": {"sid": 1}}], "must be a JSON object"),
    ],
)
def test_what_is_no_filter_is_refused(bottles, given_filter, part):
    with pytest.raises(InvalidInputError, match=part):
        parse_filter(bottles, given_filter)


@pytest.mark.parametrize(
    ("ends", "part"),
    [
        ({}, "range param is null"),
        ({"above": 1}, "has the ends"),
        ({"gt": "x"}, "cannot take text"),
        ({"gt": None}, "null"),
    ],
)
def test_what_is_no_range_is_refused(everything, ends, part):
    with pytest.raises(InvalidInputError, match=part):
        parse_filter(everything, [{"range": {"int": ends}}])
