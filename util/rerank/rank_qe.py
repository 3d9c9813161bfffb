"""Query expansion weighted by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.rerank._expansion import expand_queries
from util.rerank._limits import require_at_least
from util.rerank.base import RankedQueries, ReRanker


def rank_weights(n: int, power: float) -> NDArray[np.float64]:
    """Weights of ranks 1 … n where the query itself has rank 0 and weight 1: ((n + 1 − i) / (n + 1))^power.

    >>> rank_weights(3, 1.0)
    array([0.75, 0.5 , 0.25])
    """
    return (np.arange(n, 0, -1) / (n + 1)) ** power


@dataclass(frozen=True, kw_only=True)
class RankQueryExpansion(ReRanker):
    """Query expansion with weights that fall with the rank (Gordo et al., "End-to-end learning", IJCV 2017).

    The new query is the unit vector along q + Σ ((n + 1 − i) / (n + 1))^power v_i over the first n hits v_i. Scores
    stay cosines.

    Attributes:
        n: how many hits take part.
        power: how steeply the weights fall; 1 is linear.
    """

    name: ClassVar[str] = "rank_qe"

    n: int = 10
    power: float = 4.0

    def __post_init__(self) -> None:
        require_at_least(1, n=self.n)
        require_at_least(0, power=self.power)

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Moves the queries, and scores all hits anew."""
        weights = rank_weights(self.n, self.power)
        return expand_queries(queries, self.n, lambda cosines: weights[: len(cosines)])
