"""The protocol of revisited Oxford and Paris: easy, medium and hard.

Radenović, Iscen, Tolias, Avrithis and Chum, "Revisiting Oxford and Paris: Large-Scale Image Retrieval Benchmarking",
CVPR 2018, arXiv:1803.11285. What counts as right differs:

=========  ==============  ======================
setting    positives       taken out of rankings
=========  ==============  ======================
easy       easy            junk and hard
medium     easy and hard   junk
hard       hard            junk and easy
=========  ==============  ======================

A query without a positive is left out of the setting. Average precision is the trapezoidal one of Oxford 5k (Philbin et
al., CVPR 2007), which differs from :func:`util.evaluation.retrieval.average_precision`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.datasets.revisited import RevisitedQuery
from util.errors import InvalidInputError
from util.evaluation.retrieval import PerQuery, mean_over_queries

PRECISION_AT = (1, 5, 10)
SETTINGS = ("easy", "medium", "hard")

Places = NDArray[np.intp]
"""intp (n,), places of positives in a ranking without junk, from 0, rising."""

_Labelled = tuple[NDArray[np.int64], Places]
"""Images of the ground truth in a ranking, and their places in it."""


@dataclass(frozen=True, slots=True, eq=False)
class SettingMeasures:
    """What one setting gave.

    Attributes:
        map: mean average precision over the queries with a positive; NaN if there is none.
        mp: for k of 1, 5 and 10, the mean precision at k.
        ap: float64 (Q,), average precision of each query, NaN where it has no positive.
    """

    map: float
    mp: Mapping[int, float]
    ap: PerQuery

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary of ``map`` and ``mp``; NaN becomes ``None``."""
        return {"map": _or_none(self.map), "mp": {str(k): _or_none(value) for k, value in self.mp.items()}}


@dataclass(frozen=True, slots=True, eq=False)
class RevisitedMeasures:
    """The three settings."""

    easy: SettingMeasures
    medium: SettingMeasures
    hard: SettingMeasures

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {setting: getattr(self, setting).to_json() for setting in SETTINGS}


def measure_revisited(ranks: ArrayLike, queries: Sequence[RevisitedQuery]) -> RevisitedMeasures:
    """All numbers of the protocol.

    Args:
        ranks: whole numbers (N, Q): column q holds the positions of gallery images in the order query q found them,
            best first. Numbers beyond the ground truth's gallery are distractors. Columns may be cut, or filled up
            with -1: positives that do not appear add nothing, so the numbers are then lower bounds.
        queries: Q ground truths. An image that is said to be both positive and junk counts as positive.

    Raises:
        InvalidInputError: if ``ranks`` has another form, or names an image twice for one query.

    >>> query = RevisitedQuery(easy=np.array([0]), hard=np.array([2]), junk=np.array([3]))
    >>> found = measure_revisited([[3], [1], [0], [2]], [query])
    >>> found.easy.map, found.medium.mp[5], found.hard.map  # without junk: wrong, easy, hard
    (0.25, 0.6666666666666666, 0.25)
    """
    columns = _checked(ranks, len(queries))
    found = [_labelled(column, query) for column, query in zip(columns, queries, strict=True)]
    return RevisitedMeasures(*(_measure(found, queries, setting) for setting in SETTINGS))


def trapezoidal_average_precision(places: Places, n_positives: int) -> float:
    """Area under the precision–recall points of one ranking, joined by straight lines.

    With positives at places p_1 < p_2 < … (from 0) and R positives in all::

        AP = (1/R) Σ_j ½ ((j−1)/p_j + j/(p_j+1)),    where (j−1)/p_j is 1 for p_1 = 0

    Each positive adds the mean of the precisions just before and at its place. Positives not found add 0.

    Args:
        places: of the positives found.
        n_positives: R, at least 1.

    >>> trapezoidal_average_precision(np.array([0, 2]), 2)
    0.7916666666666666
    """
    order = np.arange(places.size)
    before = np.divide(order, places, out=np.ones(places.size), where=places > 0)
    at = (order + 1) / (places + 1)
    return float(np.sum(before + at) / 2 / n_positives)


def precision_of_places(places: Places, k: int) -> float:
    """Share of positives among the first k hits, or up to the last positive where that comes earlier.

    The protocol's precision at k: k is replaced by the place (from 1) of the last positive found if that is smaller, so
    that a query with few positives can reach 1. Without a positive in the ranking it is 0.

    >>> precision_of_places(np.array([0, 2]), 10)
    0.6666666666666666
    """
    if not places.size:
        return 0.0
    counted = min(int(places[-1]) + 1, k)
    return float(np.count_nonzero(places < counted) / counted)


def _measure(found: Sequence[_Labelled], queries: Sequence[RevisitedQuery], setting: str) -> SettingMeasures:
    ap = np.full(len(queries), np.nan)
    precisions = np.full((len(PRECISION_AT), len(queries)), np.nan)
    for number, (labelled, query) in enumerate(zip(found, queries, strict=True)):
        positives, ignored = _roles(query, setting)
        if positives.size:
            places = _places(labelled, positives, ignored)
            ap[number] = trapezoidal_average_precision(places, positives.size)
            precisions[:, number] = [precision_of_places(places, k) for k in PRECISION_AT]
    mp = {k: mean_over_queries(row) for k, row in zip(PRECISION_AT, precisions, strict=True)}
    return SettingMeasures(mean_over_queries(ap), mp, ap)


def _roles(query: RevisitedQuery, setting: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positives, and what is taken out of the ranking."""
    if setting == "easy":
        return query.easy, np.concatenate([query.junk, query.hard])
    if setting == "hard":
        return query.hard, np.concatenate([query.junk, query.easy])
    return np.union1d(query.easy, query.hard), query.junk


def _labelled(column: NDArray[np.int64], query: RevisitedQuery) -> _Labelled:
    """The few images of a long ranking that are no negatives, and their places."""
    places = np.flatnonzero(np.isin(column, np.concatenate([query.easy, query.hard, query.junk])))
    return column[places], places


def _places(labelled: _Labelled, positives: NDArray[np.int64], ignored: NDArray[np.int64]) -> Places:
    images, places = labelled
    positive = np.isin(images, positives)
    taken_out = np.isin(images, ignored) & ~positive
    return places[positive] - np.cumsum(taken_out)[positive]


def _checked(ranks: ArrayLike, n_queries: int) -> list[NDArray[np.int64]]:
    array = np.asarray(ranks)
    if array.ndim != 2 or array.shape[1] != n_queries or not np.issubdtype(array.dtype, np.integer):
        raise InvalidInputError(
            f"rankings are whole numbers, one column for each of the {n_queries} queries, best image first; "
            f"got {array.dtype} of shape {array.shape}"
        )
    columns = [np.asarray(column[column >= 0], dtype=np.int64) for column in array.T]
    for number, column in enumerate(columns):
        ordered = np.sort(column)
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        if repeated.size:
            raise InvalidInputError(f"the ranking of query {number} names image {repeated[0]} twice")
    return columns


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
