"""Closed-set measures of a ranking: is the right item found, and how far up.

All take a :class:`RankedRelevance` and follow the same three rules:

* a query with nothing to find (``n_relevant`` 0: its item is not in the gallery, or it is the item's only image) is
  left out; per-query values are NaN there, means are over the others;
* a mean over no query is NaN: there is no number to give;
* hits of equal score count in the order they stand in; ``RankedRelevance.from_ranking(..., ties="worst")`` gives the
  answer for the least lucky order.

In formulas, R is the number of relevant images in the gallery, rel(i) is 1 if hit i is relevant and 0 if not, and
P(i) = (rel(1) + … + rel(i)) / i.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.relevance import RankedRelevance

PerQuery = NDArray[np.float64]
"""float64 (Q,), one value a query; NaN where the query is left out."""


def mean_over_queries(values: PerQuery) -> float:
    """Mean of the queries that count; NaN if none does.

    >>> mean_over_queries(np.array([1.0, np.nan, 0.5])), mean_over_queries(np.array([np.nan]))
    (0.75, nan)
    """
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if counted.size else math.nan


def found_within(relevance: RankedRelevance, k: int) -> PerQuery:
    """1 for each query with at least one relevant image among its first ``k`` hits, else 0.

    Raises:
        InvalidInputError: if ``k`` is below 1.
    """
    _check_k(k)
    return _only_counted(relevance, np.asarray(relevance.relevant[:, :k].any(axis=1), dtype=np.float64))


def recall_at_k(relevance: RankedRelevance, k: int) -> float:
    """Share of queries with at least one relevant image among the first ``k`` hits.

    This is the recall@k of metric learning and place recognition (also called CMC, or hit rate). It is *not* the share
    of all relevant images that were found. A ranking with fewer than ``k`` hits counts with those it has.

    Raises:
        InvalidInputError: if ``k`` is below 1.

    >>> relevant = np.array([[False, True], [False, False]])
    >>> two_queries = RankedRelevance(relevant, np.ones((2, 2), bool), np.array([1, 1]))
    >>> recall_at_k(two_queries, 1), recall_at_k(two_queries, 2)
    (0.0, 0.5)
    """
    return mean_over_queries(found_within(relevance, k))


def top1(relevance: RankedRelevance) -> float:
    """Share of queries whose first hit shows the right item: ``recall_at_k`` for k = 1.

    >>> top1(RankedRelevance(np.array([[True], [False]]), np.ones((2, 1), bool), np.array([3, 1])))
    0.5
    """
    return recall_at_k(relevance, 1)


def precision_at_k(relevance: RankedRelevance, k: int) -> PerQuery:
    """Share of relevant images among the first ``k`` hits of each query: P(k).

    Always divided by ``k``: places that the ranking does not fill count as wrong. A query with R < k therefore cannot
    reach 1; ``r_precision`` can.

    Raises:
        InvalidInputError: if ``k`` is below 1.

    >>> precision_at_k(RankedRelevance(np.array([[True, False]]), np.ones((1, 2), bool), np.array([1])), 2)
    array([0.5])
    """
    _check_k(k)
    return _only_counted(relevance, np.asarray(relevance.relevant[:, :k].sum(axis=1) / k))


def r_precision(relevance: RankedRelevance) -> PerQuery:
    """Share of relevant images among the first R hits of each query: P(R).

    >>> r_precision(RankedRelevance(np.array([[True, False, True]]), np.ones((1, 3), bool), np.array([2])))
    array([0.5])
    """
    return _per_relevant(relevance, (relevance.relevant & _within_r(relevance)).sum(axis=1))


def average_precision(relevance: RankedRelevance) -> PerQuery:
    """Mean, over the relevant images of each query, of the precision at the place where it stands.

    AP = (1/R) Σ_i rel(i) P(i). Relevant images that the ranking does not hold add 0, so a ranking cut at k gives a
    lower bound (often written AP@k). This is the area under the precision-recall steps without interpolation, as
    scikit-learn's ``average_precision_score`` computes it where no scores are equal; the trapezoidal variant of the
    Oxford and Paris benchmarks differs.

    >>> average_precision(RankedRelevance(np.array([[True, False, True]]), np.ones((1, 3), bool), np.array([2])))
    array([0.83333333])
    """
    return _per_relevant(relevance, (_precisions(relevance) * relevance.relevant).sum(axis=1))


def mean_average_precision(relevance: RankedRelevance) -> float:
    """Mean of ``average_precision`` over the queries: mAP.

    >>> mean_average_precision(RankedRelevance(np.array([[False, True]]), np.ones((1, 2), bool), np.array([1])))
    0.5
    """
    return mean_over_queries(average_precision(relevance))


def average_precision_at_k(relevance: RankedRelevance, k: int) -> PerQuery:
    """``average_precision`` over the first ``k`` hits, divided by what these can hold: AP@k.

    AP@k = 1/min(R, k) Σ_{i≤k} rel(i) P(i), so that a query with more than ``k`` relevant images can reach 1. This is
    the measure of Google Landmarks v2 (k = 100; Weyand et al., CVPR 2020); some divide by R or by k instead.

    Raises:
        InvalidInputError: if ``k`` is below 1.

    >>> relevance = RankedRelevance(np.array([[True, False, True]]), np.ones((1, 3), bool), np.array([3]))
    >>> average_precision_at_k(relevance, 2)
    array([0.5])
    """
    _check_k(k)
    sums = (_precisions(relevance) * relevance.relevant)[:, :k].sum(axis=1)
    return _only_counted(relevance, np.asarray(sums / np.clip(relevance.n_relevant, 1, k)))


def map_at_k(relevance: RankedRelevance, k: int) -> float:
    """Mean of ``average_precision_at_k`` over the queries: mAP@k.

    Needs rankings of at least ``k`` hits, or of all there are; shorter ones give a lower bound.

    Raises:
        InvalidInputError: if ``k`` is below 1.

    >>> map_at_k(RankedRelevance(np.array([[True, True]]), np.ones((1, 2), bool), np.array([5])), 2)
    1.0
    """
    return mean_over_queries(average_precision_at_k(relevance, k))


def average_precision_at_r(relevance: RankedRelevance) -> PerQuery:
    """``average_precision`` counted over the first R hits of each query only: (1/R) Σ_{i≤R} rel(i) P(i)."""
    counted = relevance.relevant & _within_r(relevance)
    return _per_relevant(relevance, (_precisions(relevance) * counted).sum(axis=1))


def map_at_r(relevance: RankedRelevance) -> float:
    """Mean of ``average_precision_at_r``: MAP@R (Musgrave, Belongie and Lim, *A Metric Learning Reality Check*, 2020).

    1 only if every query has all its R relevant images on its first R places. Needs rankings of at least R hits;
    shorter ones give a lower bound.

    >>> map_at_r(RankedRelevance(np.array([[True, False, True]]), np.ones((1, 3), bool), np.array([2])))
    0.5
    """
    return mean_over_queries(average_precision_at_r(relevance))


def _precisions(relevance: RankedRelevance) -> NDArray[np.float64]:
    """P(i) of each query at each place, (Q, K)."""
    places = np.arange(1, relevance.relevant.shape[1] + 1)
    return np.asarray(np.cumsum(relevance.relevant, axis=1, dtype=np.int32) / places)


def _within_r(relevance: RankedRelevance) -> NDArray[np.bool_]:
    return np.asarray(np.arange(relevance.relevant.shape[1]) < relevance.n_relevant[:, None])


def _per_relevant(relevance: RankedRelevance, sums: NDArray[np.int64] | NDArray[np.float64]) -> PerQuery:
    return _only_counted(relevance, np.asarray(sums / np.maximum(relevance.n_relevant, 1)))


def _only_counted(relevance: RankedRelevance, values: NDArray[np.float64]) -> PerQuery:
    return np.where(relevance.counted, values, np.nan)


def _check_k(k: int) -> None:
    if k < 1:
        raise InvalidInputError(f"k counts hits from 1 on, not {k}")
