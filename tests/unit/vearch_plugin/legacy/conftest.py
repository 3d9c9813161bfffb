"""The schema of the bottle programs of 2021, and one with a field of each kind."""

from typing import Any

import pytest

from vearch_plugin.legacy.schema import Schema


def space_request(dimension: int = 3, **engine: Any) -> dict[str, Any]:
    """The body with which the bottle programs made their space, dimension apart."""
    return {
        "name": "bottle",
        "partition_num": 1,
        "replica_num": 1,
        "engine": {
            "name": "gamma",
            "index_size": 70000,
            "max_size": 10000000,
            "id_type": "String",
            "retrieval_type": "IVFPQ",
            "retrieval_param": {"metric_type": "InnerProduct", "ncentroids": 256, "nsubvector": 32, **engine},
        },
        "properties": {
            "image_name": {"type": "keyword", "index": True},
            "image": {"type": "vector", "dimension": dimension, "format": "normalization"},
            "model_name": {"type": "keyword", "index": True},
            "keyword": {"type": "keyword", "index": True},
            "tags": {"type": "string", "array": True, "index": True},
            "uuid": {"type": "keyword", "index": True},
            "sid": {"type": "keyword", "index": True},
        },
    }


@pytest.fixture
def request_for_bottles():
    return space_request()


@pytest.fixture
def bottles() -> Schema:
    return Schema.parse(space_request())


@pytest.fixture
def everything() -> Schema:
    """A field of each kind, single and as an array; booleans are written as text, as the plugin's own tests did."""
    return Schema.parse(
        {
            "name": "everything",
            "engine": {"name": "gamma", "index_size": 9999, "max_size": 100000},
            "properties": {
                "string": {"type": "keyword", "index": "true"},
                "int": {"type": "integer", "index": "true"},
                "float": {"type": "float", "index": "true"},
                "day": {"type": "date"},
                "sold": {"type": "bool"},
                "vector1": {"type": "vector", "model_id": "img", "dimension": 2},
                "string_tags": {"type": "string", "array": True, "index": "true"},
                "int_tags": {"type": "integer", "array": True},
                "float_tags": {"type": "float", "array": True},
            },
        }
    )
