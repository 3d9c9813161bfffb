"""Average precision over the answers of all queries in one list: micro-AP and GAP.

Mean average precision ranks the answers of each query by themselves, so scores need not be comparable between queries.
Copy detection and recognition with strangers need that: one threshold decides for all queries, and a query with nothing
to find must not bring forth a confident answer. So all answers are put into one list by falling score. With rel(i) 1 if
answer i is right, P(i) the share of right ones among the first i, and M the right answers there are in all::

    micro-AP = (1/M) Σ_i rel(i) P(i)

* Douze et al., "The 2021 Image Similarity Dataset and Challenge", arXiv:2106.09672: micro-AP of pairs of a query and a
  reference image (DISC, ISC);
* Weyand, Araujo, Cao and Sim, "Google Landmarks Dataset v2", CVPR 2020, after Perronnin, Liu and Renders, CVPR 2009:
  GAP, with at most one answer, a landmark, for each query.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError

TiedAnswers: TypeAlias = Literal["worst", "given"]
"""Among answers of equal score, the wrong ones first, or all as they were given."""


def micro_average_precision(scores: ArrayLike, right: ArrayLike, n_right: int, *, ties: TiedAnswers = "worst") -> float:
    """Average precision of all answers in one list.

    Args:
        scores: (N,) finite, one an answer; bigger is more certain.
        right: bool (N,), whether the answer is right.
        n_right: M, right answers there are, given or not; a query without a right one adds none.
        ties: ``worst`` counts, among equal scores, the wrong answers first, so that nothing is won by giving all
            answers one score (the rule of ISC); ``given`` keeps their order.

    Returns:
        in [0, 1]; 0 for no answers; NaN if there is nothing to find.

    Raises:
        InvalidInputError: if the lengths differ, a score is not finite, or more answers are right than there are.

    >>> micro_average_precision([0.9, 0.8, 0.7], [True, False, True], 2)
    0.8333333333333333
    >>> micro_average_precision([0.5, 0.5], [True, False], 1), micro_average_precision([], [], 3)
    (0.5, 0.0)
    """
    ordered, _ = _in_one_list(scores, right, n_right, ties)
    if n_right == 0:
        return float("nan")
    precisions = np.cumsum(ordered) / np.arange(1, ordered.size + 1)
    return float(np.sum(precisions[ordered]) / n_right)


def recall_at_precision(scores: ArrayLike, right: ArrayLike, n_right: int, precision: float) -> tuple[float, float]:
    """The largest share of right answers that some threshold accepts at a precision (Douze et al. 2021: 0.9).

    Answers of equal score are accepted together.

    Args:
        scores: (N,) finite, one an answer.
        right: bool (N,), whether the answer is right.
        n_right: right answers there are.
        precision: share of right answers among those accepted that is needed, in (0, 1].

    Returns:
        the recall, and the threshold that gives it; 0 and infinity where no threshold reaches the precision, NaN and
        infinity if there is nothing to find.

    Raises:
        InvalidInputError: as ``micro_average_precision``, or if the precision is out of range.

    >>> recall_at_precision([0.9, 0.8, 0.7], [True, False, True], 2, 0.6)
    (1.0, 0.7)
    >>> recall_at_precision([0.9, 0.8, 0.7], [True, False, True], 2, 0.9)
    (0.5, 0.9)
    """
    if not 0 < precision <= 1:
        raise InvalidInputError(f"a precision is a share in (0, 1], such as 0.9, not {precision}")
    ordered, levels = _in_one_list(scores, right, n_right, "worst")
    if n_right == 0:
        return float("nan"), float("inf")
    ends = np.flatnonzero(np.append(levels[1:] != levels[:-1], True)) if levels.size else np.zeros(0, np.intp)
    accepted = np.cumsum(ordered)[ends]
    # A product such as 0.7 · 10 may come out just above the whole number it means.
    reaching = np.flatnonzero(accepted * (1 + 1e-12) >= precision * (ends + 1))
    if not reaching.size or accepted[reaching[-1]] == 0:
        return 0.0, float("inf")
    # Further down the list no fewer are found: the last place that is precise enough is the best.
    return float(accepted[reaching[-1]] / n_right), float(levels[ends[reaching[-1]]])


def _in_one_list(
    scores: ArrayLike, right: ArrayLike, n_right: int, ties: TiedAnswers
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each answer is right and its score, by falling score."""
    numbers, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    if numbers.ndim != 1 or numbers.shape != hits.shape or not np.all(np.isfinite(numbers)):
        raise InvalidInputError(
            f"answers need a row of finite scores and as many flags, got shapes {numbers.shape} and {hits.shape}"
        )
    if ties not in ("worst", "given"):
        raise InvalidInputError(f"equal scores are ordered 'worst' first or as 'given', not {ties!r}")
    if hits.sum() > n_right:
        raise InvalidInputError(f"{hits.sum()} answers are right, but only {n_right} can be: is one given twice?")
    order = np.lexsort((hits, -numbers)) if ties == "worst" else np.argsort(-numbers, kind="stable")
    return hits[order], numbers[order]
