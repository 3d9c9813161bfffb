"""Documents become metadata and a vector or image, and come back as they were."""

import numpy as np
import pytest

from util.errors import DimensionMismatchError, InvalidInputError
from vearch_plugin.legacy.documents import parse_document, source_of, stored_field
from vearch_plugin.legacy.schema import Schema

BOTTLE = {
    "image_name": "data/zerobox/images/cola/1.jpg",
    "image": {"feature": [0.0, 3.0, 4.0], "source": "shelf 4"},
    "model_name": "vgg16",
    "keyword": "",
    "uuid": "8f14e45f",
    "sid": "1",
    "tags": "cola",
}


def test_a_document_comes_back(bottles):
    document = parse_document(bottles, BOTTLE)
    np.testing.assert_allclose(document.feature, [[0, 0.6, 0.8]], rtol=1e-6)
    assert document.metadata["keyword"] == ""
    fields = {name: value for name, value in BOTTLE.items() if name != "image"}
    assert source_of(bottles, document.metadata) == {**fields, "tags": ["cola"]}
    shown = source_of(bottles, document.metadata, vector=document.feature[0])["image"]
    assert shown["source"] == "shelf 4"
    assert shown["feature"] == pytest.approx([0, 0.6, 0.8])


def test_only_fields_asked_for_are_shown(bottles):
    metadata = parse_document(bottles, BOTTLE).metadata
    assert source_of(bottles, metadata, fields=["sid", "missing"]) == {"sid": "1"}


def test_an_image_stays_what_the_program_called_it(bottles):
    assert parse_document(bottles, {"image": {"feature": "shelf/1.jpg"}}).feature == "shelf/1.jpg"


def test_all_kinds_of_fields(everything):
    body = {
        "string": "a", "int": 14, "float": 3.5, "day": "2021-03-01T00:00:00Z", "sold": False,
        "vector1": {"feature": [0.6, 0.8]},
        "string_tags": ["14", "10"], "int_tags": [14, 10], "float_tags": [0.25, -1e-9],
    }  # fmt: skip
    document = parse_document(everything, body)
    assert source_of(everything, document.metadata) == {n: v for n, v in body.items() if n != "vector1"}


def test_a_field_without_a_value_is_left_out(bottles):
    assert "sid" not in parse_document(bottles, {**BOTTLE, "sid": None}).metadata


def test_no_program_writes_what_nearid_reads_files_from(request_for_bottles):
    request_for_bottles["properties"] |= {name: {"type": "keyword"} for name in ("path", "legacy_path", "sha256")}
    schema = Schema.parse(request_for_bottles)
    body = {"image": {"feature": "x"}, "path": "/etc/passwd", "legacy_path": "b", "sha256": "c"}
    metadata = parse_document(schema, body).metadata
    assert not {"path", "sha256"} & metadata.keys()
    assert source_of(schema, metadata) == {"path": "/etc/passwd", "legacy_path": "b", "sha256": "c"}
    assert len({stored_field(name) for name in schema.properties}) == len(schema.properties)


@pytest.mark.parametrize(
    ("body", "error", "part"),
    [
        ({}, InvalidInputError, "have not vector value"),
        ({"sid": "1"}, InvalidInputError, "have not vector value"),
        ({"image": None}, InvalidInputError, "must be a JSON object, not null"),
        ({"image": [1, 2, 3]}, InvalidInputError, "must be a JSON object, not an array"),
        ({"image": {}}, InvalidInputError, "list of numbers or the text of an image, not null"),
        ({"image": {"feature": " "}}, InvalidInputError, "text of an image"),
        ({"image": {"feature": {"a": 1}}}, InvalidInputError, "not an object"),
        ({"image": {"feature": [1.0]}}, DimensionMismatchError, "dimension 3"),
        ({"image": {"feature": "x"}, "brand": "y"}, InvalidInputError, r"error field \[brand\]"),
        ({"image": {"feature": "x"}, "sid": {"a": 1}}, InvalidInputError, "field 'sid' holds text values"),
        ({"image": {"feature": "x"}, "tags": [["a"]]}, InvalidInputError, "field 'tags' holds text values"),
    ],
)
def test_what_is_no_document_is_refused(bottles, body, error, part):
    with pytest.raises(error, match=part):
        parse_document(bottles, body)


def test_an_update_needs_no_vector(bottles):
    update = parse_document(bottles, {"sid": "2"}, partial=True)
    assert update.feature is None
    assert dict(update.metadata) == {"sid": "2"}
