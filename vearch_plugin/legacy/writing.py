"""Writing documents: whole ones, changes of some fields, and removals."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from util.errors import InvalidInputError
from util.records import Embeddings, Metadata
from util.search.calibrating import forget_calibration
from util.vector_store.base import VectorStore
from vearch_plugin.legacy.catalogue import LegacySpace
from vearch_plugin.legacy.documents import SOURCE, Document
from vearch_plugin.legacy.schema import Schema


@dataclass(frozen=True, slots=True)
class Entry:
    """A document that is ready to be written.

    Attributes:
        id: its id.
        document: its fields.
        row: float32 (1, D), its vector; ``None`` where the document is there and keeps the one it has.
    """

    id: str
    document: Document
    row: Embeddings | None


def new_id(schema: Schema) -> str:
    """An id for a document that came without one."""
    return str(secrets.randbelow(2**63)) if schema.long_ids else uuid4().hex


def check_id(schema: Schema, id_: str) -> str:
    """The id, if it can be one in this space.

    Raises:
        InvalidInputError: if the space's ids are numbers and this is none, or it looks like a route.
    """
    if schema.long_ids and not (id_.isascii() and id_.removeprefix("-").isdecimal() and len(id_) <= 20):
        raise InvalidInputError("the ids of this space are whole numbers (id_type long)")
    if id_.startswith("_"):
        raise InvalidInputError(f"{id_[:40]!r} is no operation that is known here, and no id: ids do not start with _")
    return id_


def write(store: VectorStore, space: LegacySpace, entries: Sequence[Entry]) -> None:
    """Writes documents; one that is there already is replaced."""
    if entries:
        rows = np.concatenate([entry.row for entry in entries if entry.row is not None])
        _upsert(store, space, [entry.id for entry in entries], rows, [entry.document.metadata for entry in entries])


def change(store: VectorStore, space: LegacySpace, entry: Entry) -> None:
    """Gives a document new values for some fields; the others stay.

    Raises:
        InvalidInputError: if there is no such document.
    """
    stored = store.get(space.info.name, [entry.id])
    if not len(stored):
        raise InvalidInputError(f"document {entry.id[:80]!r} does not exist: insert it with its vector first")
    old = dict(stored.metadata[0])
    if entry.row is not None:
        old.pop(SOURCE, None)
    row = stored.vectors if entry.row is None else entry.row
    _upsert(store, space, [entry.id], row, [{**old, **entry.document.metadata}])


def remove(store: VectorStore, space: LegacySpace, ids: Sequence[str]) -> int:
    """Removes documents and says how many of them were there."""
    removed = store.delete(space.info.name, ids=ids) if ids else 0
    if removed:
        forget_calibration(store, space.info.name)
    return removed


def _upsert(
    store: VectorStore, space: LegacySpace, ids: Sequence[str], rows: Embeddings, metadata: Sequence[Metadata]
) -> None:
    store.upsert(space.info.name, ids, rows, metadata, fingerprint=space.info.fingerprint)
    forget_calibration(store, space.info.name)
