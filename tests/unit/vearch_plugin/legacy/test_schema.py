"""Schemas of 2021, and those that cannot be kept."""

import pytest

from vearch_plugin.legacy.errors import MasterRequestError
from vearch_plugin.legacy.schema import Schema
from vearch_plugin.legacy.values import Property
from vearch_plugin.legacy.vectors import VectorField


def test_the_bottle_schema(bottles):
    assert bottles.name == "bottle"
    assert bottles.vector == VectorField("image", 3, "InnerProduct", normalize=True)
    assert bottles.properties["keyword"] == Property("keyword", "text")
    assert bottles.properties["tags"] == Property("tags", "text", array=True)
    assert "image" not in bottles.properties


def test_a_schema_read_again_from_what_is_kept_of_it_is_the_same(bottles, everything):
    for schema in (bottles, everything):
        assert Schema.parse(schema.request) == schema


@pytest.mark.parametrize(
    ("engine", "metric"),
    [
        ({"retrieval_param": {"metric_type": "L2"}}, "L2"),
        ({"metric_type": "L2"}, "L2"),
        ({"retrieval_types": ["FLAT"], "retrieval_params": [{"metric_type": "L2"}]}, "L2"),
        ({"retrieval_param": {"metric_type": "innerproduct"}}, "InnerProduct"),
        ({"name": "gamma"}, "InnerProduct"),
        ("gamma", "InnerProduct"),
        (None, "InnerProduct"),
    ],
)
def test_the_metric_is_found_wherever_it_stood(request_for_bottles, engine, metric):
    assert Schema.parse({**request_for_bottles, "engine": engine}).vector.metric == metric


def test_the_model_is_the_fields_own_or_that_of_the_schema(request_for_bottles):
    named = {**request_for_bottles, "models": [{"model_id": "vgg16", "fields": ["string"], "out": "feature"}]}
    assert Schema.parse(named).vector.model == "vgg16"
    named["properties"]["image"]["model_id"] = "resnet50"
    assert Schema.parse(named).vector.model == "resnet50"


VECTOR = {"type": "vector", "dimension": 2}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "7up"}, "starts with a letter"),
        ({"name": None}, "starts with a letter"),
        ({"name": "a.b"}, "starts with a letter"),
        ({"properties": None}, "JSON object, not null"),
        ({"properties": {}}, "one vector field here, not 0"),
        ({"properties": {"a": VECTOR, "b": VECTOR}}, "one vector field here, not 2"),
        ({"properties": {"a": {"type": "vector"}}}, "needs a dimension"),
        ({"properties": {"a": {**VECTOR, "dimension": True}}}, "needs a dimension"),
        ({"properties": {"a": {**VECTOR, "dimension": 10**9}}}, "needs a dimension"),
        ({"properties": {"a": {**VECTOR, "format": "unit"}}}, "format of vector field"),
        ({"properties": {"a": VECTOR, "b": {"type": "geo_point"}}}, "needs a type"),
        ({"properties": {"a": VECTOR, "b": {"type": ["keyword"]}}}, "needs a type"),
        ({"properties": {"a": VECTOR, "b": {"type": "keyword", "index": 1}}}, "true or false"),
        ({"properties": {"a": VECTOR, "_id": {"type": "keyword"}}}, "name of a property"),
        ({"properties": {"a": VECTOR, "b.c": {"type": "keyword"}}}, "name of a property"),
        ({"properties": {"a": VECTOR, "b": "keyword"}}, "JSON object, not text"),
        ({"engine": {"retrieval_type": "BINARYIVF"}}, "binary vectors"),
        ({"engine": {"retrieval_param": {"metric_type": "Hamming"}}}, "metric_type"),
        ({"models": ["x"] * 5}, "a model must be a JSON object"),
        ({"models": [{"model_id": "m", "fields": ["x" * 70_000]}]}, "at most 65,536 characters"),
        ({"engine": 5}, "the engine must be a JSON object"),
        ({"models": [5]}, "a model must be a JSON object"),
    ],
)
def test_what_cannot_be_kept_is_refused_as_the_master_did(request_for_bottles, change, part):
    with pytest.raises(MasterRequestError, match=part) as caught:
        Schema.parse({**request_for_bottles, **change})
    assert caught.value.master_code == 550
