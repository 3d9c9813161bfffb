"""Which items are taken for which: the confusion matrix with *new* and *unsure*, and its worst entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.outcomes import Outcome, by_score

NEW = "new"
UNSURE = "unsure"


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionMatrix:
    """How often queries of each true item (rows) were taken for each item (columns).

    The matrix has I + 1 rows, the last for unknown items, for which *new* is right, and I + 2 columns, the last two
    for the decisions *new* and *unsure*. An item whose label happens to be "new" has a row and a column of its own.
    Only cells that are not zero are held, since most are, and a gallery may show thousands of items.

    Attributes:
        items: I labels, sorted: every item that a query shows or was taken for.
        rows: int64 (C,), row of each cell that is not zero.
        columns: int64 (C,), its column.
        counts: int64 (C,), its count, above 0.
    """

    items: tuple[str, ...]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not self.rows.shape == self.columns.shape == self.counts.shape == (self.counts.size,):
            raise InvalidInputError("the cells of a confusion matrix need one row, one column and one count each")
        if self.counts.size and (self.rows.max() > len(self.items) or self.columns.max() > len(self.items) + 1):
            raise InvalidInputError(f"a cell lies outside of a confusion matrix of {len(self.items)} items")

    @property
    def row_labels(self) -> tuple[str, ...]:
        """Labels of the rows."""
        return (*self.items, NEW)

    @property
    def column_labels(self) -> tuple[str, ...]:
        """Labels of the columns."""
        return (*self.items, NEW, UNSURE)

    def dense(self) -> NDArray[np.int64]:
        """The whole matrix, int64 (I + 1, I + 2). It takes 8·I² bytes: 0.8 GB for 10,000 items."""
        matrix = np.zeros((len(self.items) + 1, len(self.items) + 2), dtype=np.int64)
        matrix[self.rows, self.columns] = self.counts
        return matrix

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; ``cells`` are [row, column, count]."""
        cells = np.stack([self.rows, self.columns, self.counts], axis=1).tolist()
        return {"rows": list(self.row_labels), "columns": list(self.column_labels), "cells": cells}


def confusion_matrix(outcomes: Sequence[Outcome]) -> ConfusionMatrix:
    """Counts outcomes by true item and answer; no outcomes make a matrix of zeros.

    >>> matrix = confusion_matrix([Outcome("q1", "milk", "known", "cream"), Outcome("q2", None, "new", None)])
    >>> matrix.row_labels, matrix.column_labels
    (('cream', 'milk', 'new'), ('cream', 'milk', 'new', 'unsure'))
    >>> matrix.dense()
    array([[0, 0, 0, 0],
           [1, 0, 0, 0],
           [0, 0, 1, 0]])
    """
    shown = {one.true_item for one in outcomes if one.true_item is not None}
    answered = {one.item for one in outcomes if one.decision == "known" and one.item is not None}
    items = tuple(sorted(shown | answered))
    code: dict[str | None, int] = {item: number for number, item in enumerate(items)}
    answers = {"new": len(items), "unsure": len(items) + 1}
    cells = [
        (code.get(one.true_item, len(items)), answers.get(one.decision, code.get(one.item, -1))) for one in outcomes
    ]
    distinct, counts = np.unique(np.array(cells, dtype=np.int64).reshape(-1, 2), axis=0, return_counts=True)
    return ConfusionMatrix(items, distinct[:, 0], distinct[:, 1], counts.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Confusion:
    """One way of being wrong and how often it happened.

    Attributes:
        true_item: the item shown; ``None`` for items that are not in the gallery.
        predicted: the item it was taken for; ``None`` where it was called new.
        count: how many queries.
        of: how many queries show the true item.
        examples: queries it happened to, highest score first.
    """

    true_item: str | None
    predicted: str | None
    count: int
    of: int
    examples: tuple[Outcome, ...]

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {
            "true_item": self.true_item,
            "predicted": self.predicted,
            "count": self.count,
            "of": self.of,
            "examples": [one.to_json() for one in self.examples],
        }


def worst_confusions(outcomes: Sequence[Outcome], n: int = 10, *, examples: int = 3) -> tuple[Confusion, ...]:
    """The most frequent wrong answers: by falling count, then falling share of the item's queries, then labels.

    ``unsure`` is no wrong answer and does not appear. Unknown queries taken for an item, and known ones called new, do.

    Args:
        outcomes: of all queries.
        n: how many to name.
        examples: how many queries to name of each.

    Raises:
        InvalidInputError: if ``n`` or ``examples`` is negative.

    >>> right, wrong = Outcome("q1", "milk", "known", "milk"), Outcome("q2", "milk", "known", "cream")
    >>> [confusion] = worst_confusions([right, wrong])
    >>> confusion.true_item, confusion.predicted, confusion.count, confusion.of
    ('milk', 'cream', 1, 2)
    """
    if n < 0 or examples < 0:
        raise InvalidInputError(f"cannot name {n} confusions with {examples} examples each: give numbers from 0 on")
    asked: dict[str | None, int] = defaultdict(int)
    mistaken: dict[tuple[str | None, str | None], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        asked[one.true_item] += 1
        if one.wrong:
            mistaken[one.true_item, one.item if one.decision == "known" else None].append(one)
    worst = sorted(
        mistaken.items(),
        key=lambda entry: (-len(entry[1]), asked[entry[0][0]], entry[0][0] or "", entry[0][1] or ""),
    )
    return tuple(
        Confusion(true, predicted, len(cases), asked[true], by_score(cases)[:examples])
        for (true, predicted), cases in worst[:n]
    )
