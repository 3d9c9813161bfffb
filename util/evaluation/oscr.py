"""Open-set classification rate: are known items *recognised* where new ones are refused?

Dhamija, Günther and Boult, "Reducing Network Agnostophobia", NeurIPS 2018. For a threshold t::

    CCR(t) = share of known queries whose right item is ranked first with a score >= t   (correct classification rate)
    FPR(t) = share of unknown queries with any score >= t                                (false positive rate)

CCR is the detection and identification rate of ``open_set.identification_rate_at_far``; FPR is its false-accept rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError
from util.evaluation.open_set import auroc, roc_curve


@dataclass(frozen=True, slots=True, eq=False)
class OscrCurve:
    """CCR against FPR for every threshold that makes a difference.

    Attributes:
        fpr: float64 (T,), never falling, from 0 to 1.
        ccr: float64 (T,), never falling, from 0 to the share of known queries with the right item first.
        thresholds: float64 (T,), falling strictly, from +inf on.
    """

    fpr: NDArray[np.float64]
    ccr: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def oscr_curve(known_scores: ArrayLike, ranked_first: ArrayLike, unknown_scores: ArrayLike) -> OscrCurve:
    """The curve; equal scores are accepted together.

    Args:
        known_scores: (N,) the score of the best hit of each known query.
        ranked_first: bool (N,), whether that hit shows the right item.
        unknown_scores: (M,) the score of the best hit of each unknown query.

    Raises:
        InvalidInputError: if one of the sets is empty, holds NaN, or the lengths differ.

    >>> curve = oscr_curve([0.9, 0.8], [True, False], [0.5])
    >>> curve.fpr.tolist(), curve.ccr.tolist()
    ([0.0, 0.0, 1.0], [0.0, 0.5, 0.5])
    """
    # A known query with a wrong item first is never recognised, at whatever threshold.
    recognised, first = _recognised(known_scores, ranked_first)
    curve = roc_curve(np.where(first, recognised, -np.inf), unknown_scores)
    return OscrCurve(curve.far, curve.tar, curve.thresholds)


def oscr_area(known_scores: ArrayLike, ranked_first: ArrayLike, unknown_scores: ArrayLike) -> float:
    """Area under the curve: how probable it is that a known query is recognised and scores above an unknown one.

    Exact, by pairs: (pairs with the right item first and known > unknown, those of equal score counting half) / (N·M).
    At most the top-1 accuracy; 1 only if all known queries are recognised and score above all unknown ones.

    Args:
        known_scores: (N,) the score of the best hit of each known query.
        ranked_first: bool (N,), whether that hit shows the right item; all false gives 0.
        unknown_scores: (M,) the score of the best hit of each unknown query.

    Raises:
        InvalidInputError: as ``oscr_curve``.

    >>> oscr_area([0.9, 0.8], [True, False], [0.5]), oscr_area([0.9, 0.5], [True, True], [0.5])
    (0.5, 0.75)
    """
    recognised, first = _recognised(known_scores, ranked_first)
    return auroc(np.where(first, recognised, -np.inf), unknown_scores)


def _recognised(known_scores: ArrayLike, ranked_first: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    known, first = np.asarray(known_scores, dtype=np.float64), np.asarray(ranked_first, dtype=np.bool_)
    if first.shape != known.shape:
        raise InvalidInputError(f"{known.size} known scores need as many flags, got shape {first.shape}")
    if np.any(np.isnan(known)):
        raise InvalidInputError("a score of a known query is NaN")
    return known, first
