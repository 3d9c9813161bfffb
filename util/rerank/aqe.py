"""Average query expansion: the query becomes the mean of itself and its first hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from util.rerank._expansion import expand_queries
from util.rerank._limits import require_at_least
from util.rerank.base import RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class AverageQueryExpansion(ReRanker):
    """Average query expansion (Chum et al., "Total Recall", ICCV 2007).

    The new query is the unit vector along q + v_1 + … + v_n, with v_i the first hits. Scores stay cosines.

    Attributes:
        n: how many hits take part.
    """

    name: ClassVar[str] = "aqe"

    n: int = 3

    def __post_init__(self) -> None:
        require_at_least(1, n=self.n)

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Moves the queries, and scores all hits anew."""
        return expand_queries(queries, self.n, np.ones_like)
