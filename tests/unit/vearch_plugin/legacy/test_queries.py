"""Searches of 2021, and what is no search."""

import math

import numpy as np
import pytest

from util.errors import DimensionMismatchError, InvalidInputError
from vearch_plugin.legacy.queries import parse_query
from vearch_plugin.legacy.schema import Schema

SUM = {"field": "image", "feature": [0, 3, 4]}


def body(**vector):
    return {"query": {"sum": [{**SUM, **vector}]}, "is_brute_search": 1}


def test_the_bottle_programs_search(bottles):
    query = parse_query(bottles, body(), size="10")
    np.testing.assert_allclose(query.feature, [[0, 0.6, 0.8]], rtol=1e-6)
    assert (query.size, query.boost, query.low, query.high) == (10, 1.0, -math.inf, math.inf)
    assert query.filter.where == {}


def test_the_size_of_the_url_wins_and_50_is_the_servers_own(bottles):
    assert parse_query(bottles, {**body(), "size": 7}, size="3").size == 3
    assert parse_query(bottles, {**body(), "size": 7}).size == 7
    assert parse_query(bottles, body()).size == 50


def test_and_is_another_word_for_sum_of_one(bottles):
    assert parse_query(bottles, {"query": {"and": [SUM]}}).feature.shape == (1, 3)


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ({"min_score": 0.8, "max_score": 0.95}, 0.8, 0.95),
        ({"symbol": ">=", "value": 0.9}, 0.9, math.inf),
        ({"symbol": ">", "value": 0.5}, math.nextafter(0.5, 1), math.inf),
        ({"symbol": " <= ", "value": 0.9}, -math.inf, 0.9),
        ({"symbol": "<", "value": 0.5}, -math.inf, math.nextafter(0.5, 0)),
    ],
)
def test_bounds(bottles, bounds, low, high):
    query = parse_query(bottles, body(**bounds))
    assert (query.low, query.high) == (low, high)


def test_bounds_on_distances_are_turned_round(request_for_bottles):
    request_for_bottles["engine"]["retrieval_param"]["metric_type"] = "L2"
    query = parse_query(Schema.parse(request_for_bottles), body(min_score=0.0, max_score=0.5))
    assert (query.low, query.high) == (0.75, 1.0)


def test_what_is_shown(bottles):
    query = parse_query(bottles, {**body(boost=0.5), "fields": ["sid"], "vector_value": True})
    assert (query.boost, query.fields, query.with_vector) == (0.5, ("sid",), True)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, "the query must be a JSON object, not null"),
        ({"query": {}}, "with one vector, not 0"),
        ({"query": {"sum": [SUM, SUM]}}, "with one vector, not 2"),
        ({"query": {"sum": SUM}}, "must be a JSON array"),
        ({"query": {"sum": ["x"]}}, "must be a JSON object"),
        ({"query": {"sum": [{"feature": [1, 2, 3]}]}}, "the vector field of the space is 'image'"),
        (body(field="sid"), "the vector field of the space is 'image'"),
        (body(feature=None), "not null"),
        (body(feature=7), "not a number"),
        (body(format="unit"), "vector process format"),
        (body(format=["no"]), "vector process format"),
        (body(boost="high"), "boost is a finite number"),
        (body(min_score=True), "min_score is a finite number"),
        (body(max_score=10**400), "max_score is a finite number"),
        (body(value=0.5), "symbol value unknow"),
        (body(value=0.5, symbol="="), "symbol value unknow"),
        ({**body(), "size": 0}, "from 1 to 10000"),
        ({**body(), "size": 10**9}, "from 1 to 10000"),
        ({**body(), "size": 1.5}, "from 1 to 10000"),
        ({**body(), "size": True}, "from 1 to 10000"),
        ({**body(), "size": "٣"}, "from 1 to 10000"),
        ({**body(), "fields": "sid"}, "must be a JSON array"),
        ({**body(), "fields": [1]}, "list of names"),
        ({**body(), "vector_value": 1}, "true or false"),
    ],
)
def test_what_is_no_search_is_refused(bottles, given, part):
    with pytest.raises(InvalidInputError, match=part):
        parse_query(bottles, given)


def test_a_vector_of_another_dimension_is_refused(bottles):
    with pytest.raises(DimensionMismatchError, match="dimension 3, not 6"):
        parse_query(bottles, body(feature=[1, 2, 3, 1, 2, 3]))
