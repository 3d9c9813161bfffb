"""What the first k hits of each query vote for, judged as a classification.

Two ways of counting. *By hits* every hit is one answer, as some report an F1 over retrieved labels; its accuracy is
the mean precision at k. *By majority* the hits of a query elect one item, as a nearest-neighbour classifier does (Cover
and Hart, *IEEE Transactions on Information Theory* 13, 1967). In either, a query is never among its own hits
(``ranking.own_images``): with it in the gallery, one vote in k is right for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.classification import NO_ANSWER, ClassificationReport, classification_report
from util.evaluation.ranking import Ranking

_PAIRS = 10_000_000
"""Pairs of hits compared at once."""


@dataclass(frozen=True, slots=True)
class VoteMeasures:
    """What the first k hits say.

    Attributes:
        k: hits a query.
        by_hits: every hit is an answer; queries count as often as they have hits.
        by_majority: one answer a query.
    """

    k: int
    by_hits: ClassificationReport
    by_majority: ClassificationReport

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {"k": self.k, "by_hits": self.by_hits.to_json(), "by_majority": self.by_majority.to_json()}


def measure_votes(ranking: Ranking, k: int = 10) -> VoteMeasures:
    """Both reports over the queries that have something to find; the others are left out.

    Args:
        ranking: hits and labels, the queries themselves already taken out. Places that a ranking does not fill are no
            votes; a query without any hit is wrong by majority, and nothing by hits.
        k: hits a query that vote.

    Raises:
        InvalidInputError: if ``k`` is below 1.
    """
    counted = ranking.n_relevant > 0
    votes = _votes(ranking, k)[counted]
    truth = ranking.query_items[counted]
    given = votes >= 0
    by_hits = classification_report(np.repeat(truth, given.sum(axis=1)), votes[given], ranking.items)
    by_majority = classification_report(truth, elect_items(ranking, k)[counted], ranking.items)
    return VoteMeasures(k, by_hits, by_majority)


def elect_items(ranking: Ranking, k: int) -> NDArray[np.int32]:
    """The item that most of the first k hits of each query show.

    Items with as many votes are told apart by the sum of their hits' scores, then by which comes first.

    Args:
        ranking: Q rankings.
        k: hits a query that vote.

    Returns:
        int32 (Q,), positions in ``ranking.items``; ``NO_ANSWER`` for queries without a hit.

    Raises:
        InvalidInputError: if ``k`` is below 1.

    >>> from util.evaluation.ranking import rank_gallery
    >>> from util.records import SearchResult
    >>> found = SearchResult("q", ("c1", "m1", "m2"), np.array([0.9, 0.8, 0.7]))
    >>> ranking = rank_gallery([found], ["milk"], {"m1": "milk", "m2": "milk", "c1": "cream"})
    >>> [ranking.items[elect_items(ranking, k)[0]] for k in (1, 2, 3)]
    ['cream', 'cream', 'milk']
    """
    votes = _votes(ranking, k)
    scores = np.where(votes >= 0, ranking.scores[:, :k], 0).astype(np.float64)
    block = max(1, _PAIRS // votes.shape[1] ** 2)
    elected = [
        _elect(votes[start : start + block], scores[start : start + block]) for start in range(0, len(votes), block)
    ]
    return np.concatenate([np.zeros(0, np.int32), *elected])


def _votes(ranking: Ranking, k: int) -> NDArray[np.int32]:
    """int32 (Q, k), the items that the first hits show."""
    if k < 1:
        raise InvalidInputError(f"k counts hits from 1 on, not {k}")
    hits = ranking.hits[:, :k]
    return np.where(hits >= 0, ranking.gallery_items[hits], np.int32(NO_ANSWER))


def _elect(votes: NDArray[np.int32], scores: NDArray[np.float64]) -> NDArray[np.int32]:
    same = votes[:, :, None] == votes[:, None, :]  # (Q, k, k)
    numbers = np.where(votes >= 0, same.sum(axis=2), -1)
    sums = np.where(same, scores[:, None, :], 0).sum(axis=2)
    # The last key counts first: votes, then scores; lexsort is stable, so the first hit of equal ones stays first.
    first = np.lexsort((-sums, -numbers))[:, 0]
    return np.take_along_axis(votes, first[:, None], axis=1)[:, 0]
