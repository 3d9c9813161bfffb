"""The closed-set measures of one evaluation with their intervals, and what ties could change about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval, bootstrap_interval, wilson_interval
from util.evaluation.ranking import Ranking
from util.evaluation.relevance import RankedRelevance
from util.evaluation.retrieval import (
    average_precision,
    average_precision_at_r,
    found_within,
    map_at_k,
    mean_average_precision,
    mean_over_queries,
    r_precision,
    recall_at_k,
    top1,
)

RECALL_AT = (1, 5, 10)
MAP_AT = (10, 100)
_CURVE_DEPTH = 50


@dataclass(frozen=True, slots=True)
class TieEffect:
    """What equal scores could change.

    Attributes:
        queries: how many queries have a right and a wrong image share the highest score.
        top1_worst: top-1 if, at equal scores, wrong images stood first.
        map_worst: mAP in the same order.
    """

    queries: int
    top1_worst: float
    map_worst: float


@dataclass(frozen=True, slots=True)
class RetrievalMeasures:
    """How well the right item is found, over the queries that have something to find.

    All are NaN (``null`` in JSON) if there is no such query.

    Attributes:
        n: how many queries count.
        top1: share whose first hit shows the right item.
        top1_ci95: Wilson interval.
        recall: for k of 1, 5 and 10, the share with at least one right image among the first k hits.
        recall_ci95: Wilson intervals.
        recall_curve: the same share for each k from 1 to 50, or to the depth of the rankings.
        map: mean average precision.
        map_ci95: bootstrap interval over queries.
        map_at_r: mean average precision at R.
        map_at_r_ci95: bootstrap interval over queries.
        map_at_k: for k of 10 and 100, mean average precision over the first k hits; without those k that the rankings
            do not reach.
        r_precision: mean precision at R.
        ties: what equal scores could change.
    """

    n: int
    top1: float
    top1_ci95: Interval
    recall: Mapping[int, float]
    recall_ci95: Mapping[int, Interval]
    recall_curve: tuple[float, ...]
    map: float
    map_ci95: Interval
    map_at_r: float
    map_at_r_ci95: Interval
    map_at_k: Mapping[int, float]
    r_precision: float
    ties: TieEffect

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; NaN becomes ``None``, which JSON can hold."""
        return {
            "n": self.n,
            "top1": _or_none(self.top1),
            "top1_ci95": list(self.top1_ci95),
            "recall": {str(k): _or_none(share) for k, share in self.recall.items()},
            "recall_ci95": {str(k): list(ends) for k, ends in self.recall_ci95.items()},
            "recall_curve": [_or_none(share) for share in self.recall_curve],
            "map": _or_none(self.map),
            "map_ci95": [_or_none(end) for end in self.map_ci95],
            "map_at_r": _or_none(self.map_at_r),
            "map_at_r_ci95": [_or_none(end) for end in self.map_at_r_ci95],
            "map_at_k": {str(k): _or_none(mean) for k, mean in self.map_at_k.items()},
            "r_precision": _or_none(self.r_precision),
            "ties": {
                "queries": self.ties.queries,
                "top1_worst": _or_none(self.ties.top1_worst),
                "map_worst": _or_none(self.ties.map_worst),
            },
        }


def measure_retrieval(ranking: Ranking) -> RetrievalMeasures:
    """All closed-set measures of a ranking.

    Raises:
        InvalidInputError: if the rankings are cut before the tenth image, which recall@10 needs.
    """
    _check_depth(ranking)
    relevance = RankedRelevance.from_ranking(ranking)
    n = int(relevance.counted.sum())
    found = {k: int(np.nansum(found_within(relevance, k))) for k in RECALL_AT}
    precisions, precisions_at_r = average_precision(relevance), average_precision_at_r(relevance)
    return RetrievalMeasures(
        n=n,
        top1=top1(relevance),
        top1_ci95=wilson_interval(found[1], n),
        recall={k: recall_at_k(relevance, k) for k in RECALL_AT},
        recall_ci95={k: wilson_interval(found[k], n) for k in RECALL_AT},
        recall_curve=_recall_curve(relevance),
        map=mean_over_queries(precisions),
        map_ci95=bootstrap_interval(precisions),
        map_at_r=mean_over_queries(precisions_at_r),
        map_at_r_ci95=bootstrap_interval(precisions_at_r),
        map_at_k={k: map_at_k(relevance, k) for k in MAP_AT if _reaches(ranking, k)},
        r_precision=mean_over_queries(r_precision(relevance)),
        ties=_tie_effect(ranking),
    )


def _check_depth(ranking: Ranking) -> None:
    deepest = int(ranking.valid.sum(axis=1).max(initial=0))
    needed = min(max(RECALL_AT), int(ranking.n_candidates.max(initial=0)))
    if 0 < deepest < needed:
        raise InvalidInputError(f"rankings of {deepest} images cannot give recall@{needed}: search deeper")


def _reaches(ranking: Ranking, k: int) -> bool:
    """Whether every ranking holds k images, or all there are."""
    return bool(np.all(ranking.valid.sum(axis=1) >= np.minimum(ranking.n_candidates, k)))


def _recall_curve(relevance: RankedRelevance) -> tuple[float, ...]:
    if not relevance.counted.any():
        return ()
    found = np.logical_or.accumulate(relevance.relevant[relevance.counted, :_CURVE_DEPTH], axis=1)
    return tuple(found.mean(axis=0).tolist())


def _tie_effect(ranking: Ranking) -> TieEffect:
    worst = RankedRelevance.from_ranking(ranking, ties="worst")
    relevant = ranking.relevant
    sharing_top = ranking.valid & (ranking.scores == ranking.scores[:, :1])
    tied = (sharing_top & relevant).any(axis=1) & (sharing_top & ~relevant).any(axis=1)
    return TieEffect(int(tied.sum()), top1(worst), mean_average_precision(worst))


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
