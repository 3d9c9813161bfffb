"""k-reciprocal re-ranking: images are alike whose mutual neighbourhoods are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.rerank import _reciprocity
from util.rerank._learned_neighbours import learned_neighbours
from util.rerank._limits import require_at_least, require_share
from util.rerank._ordering import rescored
from util.rerank._sparse_rows import SparseRows
from util.rerank.base import Gallery, RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class KReciprocal(ReRanker):
    """k-reciprocal encoding (Zhong et al., "Re-ranking person re-identification", CVPR 2017), sparse.

    Two images are reciprocal neighbours if each is among the k1 nearest of the other. The set of an image's reciprocal
    neighbours takes in that of a member at ½ k1 wherever they share two thirds of the latter. An image is described by
    weights exp(−‖x − y‖²) on its set, that add up to 1, averaged over its k2 nearest; and two images are compared by
    the Jaccard distance J of these weights. The score is 1 − (1 − λ) J − λ (1 − cosine): at most 1, but no cosine.

    The gallery is described once, without the queries; a query's own neighbours are its first hits, so an answer needs
    a handful of sparse rows. (The paper describes queries and gallery together, each time for all queries.) Query
    vectors and gallery stay as they are.

    Attributes:
        k1: size of the neighbourhoods.
        k2: over how many images descriptions are averaged; 1 leaves them as they are.
        lam: λ, the share of the cosine distance in the final one, in [0, 1]; 1 changes nothing.
    """

    name: ClassVar[str] = "k_reciprocal"

    k1: int = 20
    k2: int = 6
    lam: float = 0.3

    def __post_init__(self) -> None:
        require_at_least(1, k1=self.k1, k2=self.k2)
        require_share(lam=self.lam)

    @property
    def needs_gallery(self) -> bool:
        """Yes: reciprocity is a matter of everything that might be nearer."""
        return True

    def fit(self, gallery: Gallery) -> Gallery:
        """Describes every gallery image by its reciprocal neighbours."""
        self._described(gallery)
        return gallery

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Scores all hits by Jaccard and cosine distance."""
        described = self._described(queries.gallery)
        results = []
        for number, result in enumerate(queries.results):
            rows, query = queries.rows(number), queries.vectors[number]
            cosines = queries.gallery.vectors[rows] @ query
            around = _reciprocity.describe_query(
                described, queries.gallery.vectors, query, rows, k1=self.k1, k2=self.k2
            )
            jaccard = 1 - _overlap(around, described.averaged_by_column, described.totals)[rows]
            results.append(rescored(result, 1 - (1 - self.lam) * jaccard - self.lam * (1 - cosines)))
        return queries.replace(results=tuple(results))

    def _described(self, gallery: Gallery) -> _reciprocity.Described:
        key = ("k-reciprocal", gallery.digest, self.k1, self.k2)
        arrays = self.cache.get_or_make(key, lambda: self._describe(gallery).to_arrays(), kind=key[:1])
        return _reciprocity.Described.from_arrays(arrays)

    def _describe(self, gallery: Gallery) -> _reciprocity.Described:
        needed = _reciprocity.neighbours_needed(k1=self.k1, k2=self.k2)
        rows, cosines = learned_neighbours(gallery, needed, self.cache)
        return _reciprocity.describe_gallery(gallery.vectors, rows, cosines, k1=self.k1, k2=self.k2)


def _overlap(around: NDArray[np.float32], by_column: SparseRows, totals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Jaccard similarity Σ min / Σ max between the weights (N,) of a query and those of all gallery images: (N,)."""
    columns = np.flatnonzero(around)
    part = by_column.take(columns)  # the few gallery images that share a neighbour with the query
    shared = np.minimum(part.data, np.repeat(around[columns], part.sizes))
    smaller = np.bincount(part.indices, weights=shared, minlength=len(totals))
    larger = around.sum() + totals - smaller
    return np.asarray(np.divide(smaller, larger, out=np.zeros(len(totals)), where=larger > 0), dtype=np.float32)
