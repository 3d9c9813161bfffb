"""Diffusion: similarity flows from the query along the graph of mutual neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.records import SearchResult
from util.rerank import _walks
from util.rerank._learned_neighbours import learned_neighbours
from util.rerank._limits import require_at_least
from util.rerank._ordering import rescored
from util.rerank._sparse_rows import SparseRows
from util.rerank.base import Gallery, RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class Diffusion(ReRanker):
    """Offline diffusion (Iscen et al., CVPR 2017; decoupled as in Yang et al., AAAI 2019).

    Gallery images are joined where each is among the ``neighbours`` nearest of the other, with weight cosine^gamma
    (negative cosines: none). With S this affinity scaled by D^−½ on both sides, a random walk that goes on with
    probability α and starts at image i ends as the row i of (I − αS)⁻¹. These rows are solved beforehand by conjugate
    gradients, each on the ``truncation`` nearest images of i. A query is the mixture, with weights cosine^gamma, of the
    walks that start at its first ``start`` hits.

    Scores are in (0, 1] and relative to the most visited hit; hits that no walk reaches follow behind, by cosine:
    (cosine − 1) / 2, in [−1, 0]. Query vectors and gallery stay as they are.

    Attributes:
        neighbours: how many neighbours may be joined to an image: about as many as there are images of one item. With
            many more the graph holds together all items, and walks end in its middle wherever they start; landmarks,
            of which the papers have hundreds of images, take 50.
        start: at how many hits the walks begin.
        truncation: how many images a walk may visit.
        alpha: probability to go on, in [0, 1); at 0 nothing but the first hits themselves is reached.
        gamma: exponent of the cosines.
    """

    name: ClassVar[str] = "diffusion"

    neighbours: int = 20
    start: int = 10
    truncation: int = 1000
    alpha: float = 0.99
    gamma: float = 3.0

    def __post_init__(self) -> None:
        require_at_least(1, neighbours=self.neighbours, start=self.start, truncation=self.truncation)
        require_at_least(0, gamma=self.gamma)
        if not 0 <= self.alpha < 1:
            raise InvalidInputError(f"alpha is a probability below 1, such as 0.99, not {self.alpha}")

    @property
    def needs_gallery(self) -> bool:
        """Yes: walks lead through images that are no hits."""
        return True

    def fit(self, gallery: Gallery) -> Gallery:
        """Solves the walks of all gallery images."""
        self._walks(gallery)
        return gallery

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Scores all hits by how often walks from the first ones visit them."""
        walks = self._walks(queries.gallery)
        results = [self._visited(walks, queries, number) for number in range(len(queries))]
        return queries.replace(results=tuple(results))

    def _visited(self, walks: SparseRows, queries: RankedQueries, number: int) -> SearchResult:
        rows = queries.rows(number)
        cosines = queries.gallery.vectors[rows] @ queries.vectors[number]
        begun = walks.take(rows[: self.start])
        weights = np.maximum(cosines[: self.start], 0) ** self.gamma
        weighted = begun.data * np.repeat(weights, begun.sizes)
        visits = np.bincount(begun.indices, weights=weighted, minlength=len(queries.gallery))[rows]
        return rescored(queries.results[number], _scores(visits, cosines))

    def _walks(self, gallery: Gallery) -> SparseRows:
        key = ("walks", gallery.digest, self.neighbours, self.truncation, self.alpha, self.gamma)
        made = self.cache.get_or_make(key, lambda: self._solve(gallery).to_arrays("walks"), kind=key[:1])
        return SparseRows.from_arrays(made, "walks")

    def _solve(self, gallery: Gallery) -> SparseRows:
        needed = _walks.neighbours_needed(neighbours=self.neighbours, truncation=self.truncation)
        rows, cosines = learned_neighbours(gallery, needed, self.cache)
        return _walks.solve_walks(
            rows,
            cosines,
            neighbours=self.neighbours,
            truncation=self.truncation,
            alpha=self.alpha,
            gamma=self.gamma,
        )


def _scores(visits: NDArray[np.number], cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Visits relative to the most visited hit, and cosines behind them: (K,)."""
    most = visits.max(initial=0.0)
    behind = (np.clip(cosines, -1, 1) - 1) / 2
    return np.where(visits > 0, visits / most, behind) if most > 0 else behind
