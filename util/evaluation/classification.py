"""Precision, recall and F1 of each item, and their means: the classification report.

For an item c, with n(c, c) answers c where c is true::

    precision(c) = n(c, c) / answers c        recall(c) = n(c, c) / cases where c is true
    F1(c) = 2 · precision · recall / (precision + recall)

A quotient with nothing below the line is 0 (an item that is never answered has precision 0), as scikit-learn's
``classification_report`` with ``zero_division=0`` has it. The means run over the items that are true or answered at
least once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError

NO_ANSWER = -1
"""Stands for an answer that names no item: it is wrong, and no item's precision suffers."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationReport:
    """How well each item is recognised.

    Attributes:
        items: I labels, of the items that are true or answered at least once, in the order of the labels given.
        precision: float64 (I,).
        recall: float64 (I,).
        f1: float64 (I,).
        support: int64 (I,), cases where the item is true.
        accuracy: share of right answers; NaN for no cases.
    """

    items: tuple[str, ...]
    precision: Shares
    recall: Shares
    f1: Shares
    support: NDArray[np.int64]
    accuracy: float

    @property
    def macro(self) -> tuple[float, float, float]:
        """Mean precision, recall and F1 over items, each counting alike; NaN without items."""
        if not self.items:
            return math.nan, math.nan, math.nan
        return float(self.precision.mean()), float(self.recall.mean()), float(self.f1.mean())

    @property
    def weighted(self) -> tuple[float, float, float]:
        """The same with each item counting by its support; NaN without cases."""
        total = int(self.support.sum())
        if total == 0:
            return math.nan, math.nan, math.nan
        precision, recall, f1 = (float(of @ self.support / total) for of in (self.precision, self.recall, self.f1))
        return precision, recall, f1

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; NaN becomes ``None``."""
        columns = (self.precision.tolist(), self.recall.tolist(), self.f1.tolist(), self.support.tolist())
        names = ("precision", "recall", "f1", "support")
        return {
            "accuracy": _or_none(self.accuracy),
            "macro": {name: _or_none(mean) for name, mean in zip(names, self.macro, strict=False)},
            "weighted": {name: _or_none(mean) for name, mean in zip(names, self.weighted, strict=False)},
            "items": {
                item: dict(zip(names, row, strict=True)) for item, *row in zip(self.items, *columns, strict=True)
            },
        }


def classification_report(true: ArrayLike, answered: ArrayLike, labels: Sequence[str]) -> ClassificationReport:
    """The report of N cases.

    Args:
        true: (N,) positions in ``labels``.
        answered: (N,) positions in ``labels``, or ``NO_ANSWER``.
        labels: of all items there are.

    Raises:
        InvalidInputError: if the lengths differ or a position is none of the labels.

    >>> report = classification_report([0, 0, 1], [0, 1, 1], ["cream", "milk"])
    >>> report.accuracy, report.precision.tolist(), report.recall.tolist(), report.support.tolist()
    (0.6666666666666666, [1.0, 0.5], [0.5, 1.0], [2, 1])
    >>> round(report.macro[2], 3)
    0.667
    """
    truth, answers = _codes(true, answered, len(labels))
    support = np.bincount(truth, minlength=len(labels))
    named = np.bincount(answers[answers >= 0], minlength=len(labels))
    right = np.bincount(truth[truth == answers], minlength=len(labels))
    shown = np.flatnonzero(support + named)
    precision, recall = _share(right[shown], named[shown]), _share(right[shown], support[shown])
    return ClassificationReport(
        items=tuple(labels[code] for code in shown.tolist()),
        precision=precision,
        recall=recall,
        f1=_share(2 * precision * recall, precision + recall),
        support=support[shown].astype(np.int64),
        accuracy=float(right.sum() / truth.size) if truth.size else math.nan,
    )


def _codes(true: ArrayLike, answered: ArrayLike, n_labels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    truth, answers = np.asarray(true), np.asarray(answered)
    if truth.ndim != 1 or truth.shape != answers.shape:
        raise InvalidInputError(
            f"a report needs as many answers as cases, got shapes {answers.shape} and {truth.shape}"
        )
    truth, answers = truth.astype(np.int64), answers.astype(np.int64)
    if np.any((truth < 0) | (truth >= n_labels) | (answers < NO_ANSWER) | (answers >= n_labels)):
        raise InvalidInputError(f"a case or an answer is none of the {n_labels} labels")
    return truth, answers


def _share(part: NDArray[np.number], whole: NDArray[np.number]) -> Shares:
    return np.asarray(np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0))


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
