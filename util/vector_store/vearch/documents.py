"""Images as documents of Vearch, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError, StoreError
from util.records import Embeddings
from util.vector_store.vearch.schema import SLOT, SLOTS, TERMS, TEXT_BYTES, TEXTS, VECTOR


class Document(NamedTuple):
    """What is sent of an image: its id and the JSON of all its fields.

    All fields, always: Vearch keeps those that an update leaves out.
    """

    id: str
    json: str


def encode(id_: str, vector: NDArray[np.float32], content: Mapping[str, object], terms: Sequence[str]) -> Document:
    """The document of an image.

    Args:
        id_: its id.
        vector: float32 (D,).
        content: what is kept of it: JSON.
        terms: what it is found by.

    Raises:
        InvalidInputError: if the content is larger than the fields for it.
    """
    text = json.dumps(dict(content))
    if len(text) > TEXT_BYTES * len(TEXTS):
        raise InvalidInputError(
            f"the metadata of image {id_!r} takes {len(text):,} bytes of JSON, and a Vearch store keeps at most "
            f"{TEXT_BYTES * len(TEXTS):,} an image: shorten it"
        )
    texts = {field: text[n * TEXT_BYTES : (n + 1) * TEXT_BYTES] for n, field in enumerate(TEXTS)}
    scalars = json.dumps({"_id": id_, **texts, TERMS: list(terms), SLOT: slot_of(id_)})
    return Document(id_, f'{scalars[:-1]}, "{VECTOR}": [{numbers(vector)}]}}')


def numbers(vectors: NDArray[np.float32]) -> str:
    """Vectors as the inside of a JSON list, one after another: nine digits bring a float32 back unchanged.

    >>> numbers(np.array([0.6, -0.8, 0], dtype=np.float32))
    '0.600000024,-0.800000012,0'
    """
    return ",".join(["%.9g"] * vectors.size) % tuple(vectors.ravel().tolist())


def content_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What was kept of an image.

    Raises:
        StoreError: if the document was not written by NearID.
    """
    try:
        content = json.loads("".join(document[field] for field in TEXTS))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the document {document.get('_id')!r} in Vearch was not written by NearID") from error
    return dict(content)


def vectors_of(documents: Sequence[Mapping[str, Any]], dimension: int) -> Embeddings:
    """The vectors of documents: float32 (N, D).

    Raises:
        StoreError: if one has another dimension.
    """
    rows = [document.get(VECTOR) for document in documents]
    if any(not isinstance(row, list) or len(row) != dimension for row in rows):
        raise StoreError(f"Vearch answers with a document whose vector is not {dimension} numbers")
    return np.array(rows, dtype=np.float32).reshape(len(rows), dimension)


def slot_of(id_: str) -> int:
    """A number in [0, 2**31) that follows from an id and is spread evenly."""
    return int.from_bytes(blake2b(id_.encode(), digest_size=4).digest(), "big") % SLOTS
