"""What every store refuses before it writes or searches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from util.errors import DimensionMismatchError, FingerprintMismatchError, InvalidInputError
from util.records import Embeddings, Metadata, SpaceInfo

LENGTH_TOLERANCE = 1e-4
"""How far the Euclidean length of a row may be from 1: float32 rounding stays a hundred times below."""

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Batch:
    """Images fit to be written: distinct ids, unit rows.

    Attributes:
        ids: N distinct ids.
        vectors: float32 (N, D), C-contiguous.
        metadata: N mappings.
    """

    ids: tuple[str, ...]
    vectors: Embeddings
    metadata: tuple[Metadata, ...]


def checked_batch(
    space: SpaceInfo, ids: Sequence[str], vectors: Embeddings, metadata: Sequence[Metadata], *, fingerprint: str
) -> Batch:
    """A batch as it may be written; of an id that stands twice the last one counts.

    Raises:
        FingerprintMismatchError, DimensionMismatchError, InvalidInputError: as ``VectorStore.upsert`` says.
    """
    check_fingerprint(space, fingerprint)
    rows = _unit_rows(space, vectors)
    if not len(ids) == len(rows) == len(metadata):
        raise InvalidInputError(
            f"a batch needs as many ids as vectors and metadata: got {len(ids)}, {len(rows)} and {len(metadata)}"
        )
    for id_, fields in zip(ids, metadata, strict=True):
        _check_id(id_)
        _check_metadata(id_, fields)
    last = {id_: position for position, id_ in enumerate(ids)}
    if len(last) == len(ids):
        return Batch(tuple(ids), rows, tuple(metadata))
    kept = list(last.values())
    return Batch(tuple(last), rows[kept], tuple(metadata[position] for position in kept))


def checked_queries(
    space: SpaceInfo, vectors: Embeddings, k: int, *, fingerprint: str, queries: Sequence[str] | None
) -> tuple[Embeddings, tuple[str, ...]]:
    """Query vectors as they may be searched with, and their names.

    Raises:
        FingerprintMismatchError, DimensionMismatchError, InvalidInputError: as ``VectorStore.search`` says.
    """
    check_fingerprint(space, fingerprint)
    rows = _unit_rows(space, vectors)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidInputError(f"k, the number of hits, must be a whole number of at least 1, not {k!r}")
    names = ("",) * len(rows) if queries is None else tuple(queries)
    if len(names) != len(rows):
        raise InvalidInputError(f"{len(rows)} query vectors need as many names, got {len(names)}")
    return rows, names


def check_fingerprint(space: SpaceInfo, fingerprint: str) -> None:
    """Refuses embeddings that do not compare with those of the space.

    Raises:
        FingerprintMismatchError: naming both.
    """
    if fingerprint != space.fingerprint:
        raise FingerprintMismatchError(space.name, expected=space.fingerprint, given=fingerprint)


def _unit_rows(space: SpaceInfo, vectors: Embeddings) -> Embeddings:
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.ndim != 2:
        given = f"{vectors.dtype} {vectors.shape}" if isinstance(vectors, np.ndarray) else type(vectors).__name__
        raise InvalidInputError(
            f"vectors must be a float32 array of shape (N, {space.dimension}), not {given}: "
            "util.records.unit_rows makes one"
        )
    if vectors.shape[1] != space.dimension:
        raise DimensionMismatchError(
            f"space {space.name!r} holds vectors of dimension {space.dimension}, the ones given have {vectors.shape[1]}"
        )
    squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    if not np.all(np.isfinite(squares)):
        raise InvalidInputError("vectors hold NaN or infinity: check the extractor's weights and its input")
    wrong = np.flatnonzero((np.abs(np.sqrt(squares) - 1) > LENGTH_TOLERANCE) & (squares > 0))
    if len(wrong):
        length = math.sqrt(squares[wrong[0]])
        raise InvalidInputError(
            f"vectors must have length 1 (or 0): row {wrong[0]} has length {length:.6g}; "
            "util.records.unit_rows scales them"
        )
    return np.ascontiguousarray(vectors)


def _check_id(id_: str) -> None:
    if not isinstance(id_, str):
        raise InvalidInputError(f"an image id is text, not {id_!r}")
    if not id_:
        raise InvalidInputError("an image id cannot be empty: give each image a name")
    if not storable(id_):
        raise InvalidInputError(f"the image id {id_!r} is not valid Unicode text: rename the file")


def _check_metadata(id_: str, fields: Metadata) -> None:
    if not isinstance(fields, Mapping):
        raise InvalidInputError(f"the metadata of image {id_!r} is a mapping of fields, not {fields!r}")
    for name, value in fields.items():
        reason = _reason_against(name, value)
        if reason is not None:
            raise InvalidInputError(f"image {id_!r}, metadata field {name!r}: {reason}")


def _reason_against(name: object, value: object) -> str | None:  # noqa: PLR0911 - one answer a kind of value
    if not isinstance(name, str) or not storable(name):
        return "the name of a field must be valid Unicode text"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if storable(value) else "is not valid Unicode text"
    if isinstance(value, int):
        return None if value in _INT64 else f"{value} is over 64 bits: store it as text"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not a finite number: leave the field out"
    if isinstance(value, list):
        texts = all(isinstance(member, str) and storable(member) for member in value)
        return None if texts else "a list may hold text only"
    return f"holds {type(value).__name__}: text, numbers, booleans and lists of text can be stored"


def storable(text: str) -> bool:
    """Whether text survives UTF-8: no lone surrogates (undecodable file names have them), no NUL, which ends C text."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
