"""αQE: query expansion in which similar hits weigh more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.rerank._expansion import expand_queries
from util.rerank._limits import require_at_least
from util.rerank.base import RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class AlphaQueryExpansion(ReRanker):
    """α-weighted query expansion (Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval", TPAMI 2019).

    The new query is the unit vector along q + Σ max(q·v_i, 0)^α v_i over the first n hits v_i. The larger α, the less
    hits of other items disturb; α = 0 weighs all hits alike that have a positive cosine. Scores stay cosines.

    Attributes:
        n: how many hits take part.
        alpha: exponent of their cosine.
    """

    name: ClassVar[str] = "alpha_qe"

    n: int = 10
    alpha: float = 3.0

    def __post_init__(self) -> None:
        require_at_least(1, n=self.n)
        require_at_least(0, alpha=self.alpha)

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Moves the queries, and scores all hits anew."""
        return expand_queries(queries, self.n, self._weights)

    def _weights(self, cosines: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.where(cosines > 0, np.maximum(cosines, 0) ** self.alpha, 0)
