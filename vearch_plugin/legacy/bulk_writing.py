"""Doing the actions of a bulk request: in their order, in few writes, each with its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from util.errors import InvalidInputError, NearIdError
from util.records import Embeddings
from util.vector_store.base import VectorStore
from vearch_plugin.errors import answer_for
from vearch_plugin.legacy.answers import ERROR_STATUS
from vearch_plugin.legacy.bulk import Action
from vearch_plugin.legacy.catalogue import LegacySpace
from vearch_plugin.legacy.documents import Document, parse_document
from vearch_plugin.legacy.embedding import ImageEmbedder, embed_features
from vearch_plugin.legacy.writing import Entry, change, check_id, new_id, remove, write


@dataclass(slots=True)
class Step:
    """One action on its way.

    Attributes:
        action: what to do.
        id: with which document.
        document: what to write; ``None`` for a removal.
        row: its vector, float32 (1, D), once it is known.
        error: why it cannot be done.
    """

    action: Action
    id: str
    document: Document | None = None
    row: Embeddings | None = None
    error: NearIdError | None = None


def take_actions(
    store: VectorStore, space: LegacySpace, actions: Sequence[Action], *, embed: ImageEmbedder
) -> list[dict[str, Any]]:
    """Does what a bulk request says.

    An action that cannot be done does not stop the others.

    Args:
        store: where the documents are.
        space: which space.
        actions: what to do, in order.
        embed: makes vectors of images.

    Returns:
        One answer an action.

    Raises:
        StoreError: if the store fails; what was done before stays, and the same request may be sent again.
    """
    steps = [_read(space, action) for action in actions]
    _embed(space, steps, embed)
    _take(store, space, steps)
    return [_answer(space, step) for step in steps]


def _read(space: LegacySpace, action: Action) -> Step:
    step = Step(action, action.id if action.id is not None else new_id(space.schema))
    try:
        if action.kind in ("index", "create"):
            check_id(space.schema, step.id)
        if action.kind != "delete":
            step.document = parse_document(space.schema, action.body, partial=action.kind == "update")
    except NearIdError as error:
        step.error = error
    return step


def _embed(space: LegacySpace, steps: Sequence[Step], embed: ImageEmbedder) -> None:
    """Makes vectors of all images at once."""
    waiting = [step for step in steps if step.error is None and step.document and step.document.feature is not None]
    features = [step.document.feature for step in waiting if step.document and step.document.feature is not None]
    for step, row in zip(waiting, embed_features(space, features, embed=embed), strict=True):
        if isinstance(row, NearIdError):
            step.error = row
        else:
            step.row = row


def _take(store: VectorStore, space: LegacySpace, steps: Sequence[Step]) -> None:
    """Does the actions in their order, neighbouring inserts in one write."""
    inserts: list[Step] = []
    for step in steps:
        if step.error is not None:
            continue
        if step.action.kind in ("index", "create"):
            inserts.append(step)
        else:
            _write(store, space, inserts)
            inserts = []
            _attempt(store, space, step)
    _write(store, space, inserts)


def _write(store: VectorStore, space: LegacySpace, inserts: Sequence[Step]) -> None:
    try:
        write(store, space, [Entry(step.id, step.document, step.row) for step in inserts if step.document])
    except InvalidInputError:  # all of a write or none: each on its own says which one cannot be kept
        for step in inserts:
            _attempt(store, space, step)


def _attempt(store: VectorStore, space: LegacySpace, step: Step) -> None:
    try:
        if step.document is None:
            remove(store, space, [step.id])
        elif step.action.kind == "update":
            change(store, space, Entry(step.id, step.document, step.row))
        else:
            write(store, space, [Entry(step.id, step.document, step.row)])
    except InvalidInputError as error:
        step.error = error


def _answer(space: LegacySpace, step: Step) -> dict[str, Any]:
    if step.error is not None:
        return space.place.document(step.id, status=ERROR_STATUS, error=answer_for(step.error).message)
    return space.place.document(step.id, status=200)
