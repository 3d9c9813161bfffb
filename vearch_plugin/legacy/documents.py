"""A document of 2021: fields of the schema, and one vector or image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.records import Embeddings, Metadata, MetadataValue
from vearch_plugin.legacy.bodies import as_object, kind_of
from vearch_plugin.legacy.schema import Schema

SOURCE = "legacy_source"
"""Metadata field that keeps what a program wrote beside a feature as its ``source``."""

_NEARIDS_OWN = ("path", "sha256")
"""Metadata that NearID keeps for itself: it reads files at ``path``, and no program may choose which."""

Feature: TypeAlias = Embeddings | str
"""A vector, (1, D) unit row; or an image as the program named it: base64, a URL or a path."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be written.

    Attributes:
        metadata: the fields other than the vector, as they are kept.
        feature: the vector or image; ``None`` where the document only changes other fields.
    """

    metadata: Metadata
    feature: Feature | None


def parse_document(schema: Schema, body: Mapping[str, Any], *, partial: bool = False) -> Document:
    """A document from the body of an insert or an update.

    Args:
        schema: of its space.
        body: its fields.
        partial: whether the vector may be missing, since the document is there already.

    Raises:
        DimensionMismatchError: if the vector is of another dimension.
        InvalidInputError: if a field is not in the schema or cannot hold its value, or the vector is missing.
    """
    metadata: dict[str, MetadataValue] = {}
    feature: Feature | None = None
    for name, value in body.items():
        if name == schema.vector.name:
            given = as_object(value, f"vector field {name!r}")
            feature = parse_feature(schema, given.get("feature"))
            metadata |= _source(given)
        elif name not in schema.properties:
            raise InvalidInputError(f"param have error field [{name[:80]}]: the space has {', '.join(_fields(schema))}")
        elif value is not None:
            metadata[stored_field(name)] = schema.properties[name].store(value)
    if feature is None and not partial:
        raise InvalidInputError(
            f'param have not vector value: give {{"{schema.vector.name}": {{"feature": …}}}} with a vector or an image'
        )
    return Document(metadata, feature)


def parse_feature(schema: Schema, given: object, *, normalize: bool = False) -> Feature:
    """A vector or an image, as ``feature`` holds it.

    Raises:
        DimensionMismatchError: if the vector is of another dimension than the space's.
        InvalidInputError: if it is neither, or no vector that NearID can compare.
    """
    if isinstance(given, list):
        return schema.vector.rows(given, normalize=normalize)
    if isinstance(given, str) and given.strip():
        return given
    raise InvalidInputError(f"a feature is a list of numbers or the text of an image, not {kind_of(given)}")


def stored_field(name: str) -> str:
    """The metadata field that keeps a property.

    >>> stored_field("keyword"), stored_field("path")
    ('keyword', 'legacy_path')
    """
    return f"legacy_{name}" if name in _NEARIDS_OWN or name.startswith("legacy_") else name


def source_of(
    schema: Schema,
    metadata: Metadata,
    *,
    vector: NDArray[np.float32] | None = None,
    fields: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The ``_source`` of an answer: the fields as they were given.

    Args:
        schema: of the space.
        metadata: what is kept of the document.
        vector: (D,), where it is to be shown.
        fields: only these, where given.
    """
    kept = {name: metadata.get(stored_field(name)) for name in schema.properties}
    source: dict[str, Any] = {
        name: schema.properties[name].load(value) for name, value in kept.items() if value is not None
    }
    if vector is not None:
        source[schema.vector.name] = {"source": metadata.get(SOURCE, ""), "feature": vector.tolist()}
    return source if fields is None else {name: source[name] for name in fields if name in source}


def _source(given: Mapping[str, Any]) -> dict[str, MetadataValue]:
    source = given.get("source")
    return {SOURCE: source} if isinstance(source, str) and source else {}


def _fields(schema: Schema) -> list[str]:
    return [schema.vector.name, *schema.properties]
