"""Images as Qdrant points, and back.

The payload of a point is ``id``, the image's id; ``metadata``, its metadata as JSON text, which comes back exactly as
it went in; and what filters compare: ``terms``, one text for each value of each field, and ``high`` and ``low``, the
two parts of each number (see :mod:`util.vector_store.qdrant.numbers`). Qdrant's own matching on
the fields themselves would tell 7 from 7.0, and has no way to write a field whose name holds a quotation mark.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from util.errors import StoreError
from util.records import Embeddings, Metadata, Scalar
from util.vector_store.base import StoredImages
from util.vector_store.qdrant.numbers import canonical, parts
from util.vector_store.validation import Batch

ID, METADATA, TERMS, HIGH, LOW = "id", "metadata", "terms", "high", "low"

_NAMESPACE = uuid.UUID("1ed6555a-600b-5bfc-8e44-8bd8075a6e56")
_LONGEST_TERM = 200
_BYTES_A_COMPONENT = 24  # of a vector, as JSON


def point_id(image: str) -> str:
    """The point of an image: a version 5 UUID of its id, since Qdrant takes no text.

    >>> point_id("a.jpg") == str(uuid.uuid5(_NAMESPACE, "a.jpg"))
    True
    """
    # uuid.uuid5 fails on lone surrogates. No image has them in its id, but anything can be asked for.
    digest = hashlib.sha1(_NAMESPACE.bytes + image.encode(errors="surrogatepass"), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def term(name: str, value: Scalar) -> str:
    """What stands for one value of one field; equal values have equal terms, others have not.

    >>> term("item", "milk"), term("year", 1999.0), term("new", True)
    ('["item", "milk"]', '["year", 1999]', '["new", true]')
    """
    text = json.dumps([name, canonical(value) if not isinstance(value, bool | str) else value])
    if len(text) <= _LONGEST_TERM:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def number_key(part: str, name: str) -> str:
    """Path to a part of a number in the payload, for a field of any name.

    >>> number_key(HIGH, "year"), number_key(LOW, 'a."b')
    ('high.year', 'low.a-2E-22b')
    """
    return f"{part}.{_escaped(name)}"


def points_of(batch: Batch) -> list[models.PointStruct]:
    """The points of a batch of images."""
    return [
        models.PointStruct(id=point_id(id_), vector=vector, payload=_payload(id_, fields))
        for id_, vector, fields in zip(batch.ids, batch.vectors.tolist(), batch.metadata, strict=True)
    ]


def request_size(point: models.PointStruct) -> int:
    """About how many bytes a point takes in a request."""
    payload = point.payload or {}
    texts = sum(map(len, payload[TERMS])) + len(payload[METADATA]) + len(payload[ID])
    dimension = len(point.vector) if isinstance(point.vector, list) else 0
    # JSON escapes letters outside ASCII with up to six bytes.
    return dimension * _BYTES_A_COMPONENT + 6 * texts + 200


def image_id(payload: dict[str, Any] | None) -> str:
    """The image that a point is.

    Raises:
        StoreError: if NearID did not write this point.
    """
    id_ = (payload or {}).get(ID)
    if not isinstance(id_, str):
        raise StoreError("the collection holds a point that NearID did not write: keep such points in another one")
    return id_


def metadata(payload: dict[str, Any] | None) -> Metadata:
    """The metadata of the image that a point is."""
    fields: dict[str, Any] = json.loads((payload or {}).get(METADATA, "{}"))
    return fields


def images_of(records: Sequence[models.Record], dimension: int) -> StoredImages:
    """The images of some points, in their order."""
    vectors = np.array([record.vector for record in records], dtype=np.float32).reshape(-1, dimension)
    return StoredImages(
        tuple(image_id(record.payload) for record in records),
        vectors,
        tuple(metadata(record.payload) for record in records),
    )


def vector_rows(vectors: Sequence[Any], dimension: int) -> Embeddings:
    """Vectors that came with points, as rows."""
    return np.array(vectors, dtype=np.float32).reshape(-1, dimension)


def _payload(id_: str, fields: Metadata) -> dict[str, Any]:
    numbers = {
        _escaped(name): parts(value)
        for name, value in fields.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {
        ID: id_,
        METADATA: json.dumps(dict(fields), ensure_ascii=False, allow_nan=False),
        TERMS: _terms(fields),
        HIGH: {name: number.high for name, number in numbers.items()},
        LOW: {name: number.low for name, number in numbers.items() if number.low},  # most whole numbers have none
    }


def _terms(fields: Metadata) -> list[str]:
    found: dict[str, None] = {}  # a set that keeps the order
    for name, value in fields.items():
        members: Sequence[Scalar | None] = value if isinstance(value, list) else [value]
        found.update((term(name, member), None) for member in members if member is not None)
    return list(found)


def _escaped(name: str) -> str:
    """Letters, digits and underscores as they are, other bytes as two hexadecimal digits after a hyphen."""
    return re.sub(r"[^A-Za-z0-9_]", _hexadecimal, name) or "-"


def _hexadecimal(found: re.Match[str]) -> str:
    return "".join(f"-{byte:02X}" for byte in found[0].encode(errors="surrogatepass"))
