"""Query and gallery enhancement: query expansion, then diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from util.rerank._limits import require_at_least
from util.rerank.base import RankedQueries
from util.rerank.diffusion import Diffusion
from util.rerank.rank_qe import RankQueryExpansion


@dataclass(frozen=True, kw_only=True)
class QueryGalleryEnhancement(Diffusion):
    """Rank-weighted query expansion (Gordo et al., IJCV 2017), then offline diffusion (Yang et al., AAAI 2019).

    The walks start at the first hits of the expanded query. Scores are those of ``diffusion``; the queries stay where
    the expansion moved them.

    Attributes:
        n: how many hits take part in the expansion.
        power: how steeply their weights fall with the rank.
    """

    name: ClassVar[str] = "qge"

    n: int = 10
    power: float = 4.0
    start: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, n=self.n)
        require_at_least(0, power=self.power)

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Moves the queries, then scores all hits by how often walks visit them."""
        return super().__call__(RankQueryExpansion(n=self.n, power=self.power)(queries))
