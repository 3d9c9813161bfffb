"""Database-side augmentation: every gallery image becomes a weighted mean of itself and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings, unit_rows
from util.rerank._expansion import by_cosine, moved_queries
from util.rerank._learned_neighbours import learned_neighbours
from util.rerank._limits import require_at_least
from util.rerank.base import Gallery, RankedQueries, ReRanker

_BLOCK = 4096  # images augmented at a time: n + 1 vectors each are in memory


def decaying_weights(n: int, last: float) -> NDArray[np.float64]:
    """Returns n weights that fall from 1 (the image itself, not among them) to ``last`` by equal ratios.

    >>> decaying_weights(2, 0.01)
    array([0.1 , 0.01])
    """
    return np.geomspace(1.0, last, n + 1)[1:]


@dataclass(frozen=True, kw_only=True)
class DatabaseAugmentation(ReRanker):
    """Database-side augmentation (Turcot and Lowe, ICCV-W 2009; Arandjelović and Zisserman, CVPR 2012).

    Every gallery vector r becomes the unit vector along r + Σ w_i r_i over its n nearest neighbours, and every query
    likewise over its first n hits, with weights that fall by equal ratios to ``last``. Scores are cosines of augmented
    vectors, and re-rankers that follow see these vectors.

    Attributes:
        n: how many neighbours take part.
        last: weight of the n-th; that of the image itself is 1.
        query: whether the queries are augmented too.
    """

    name: ClassVar[str] = "dba"

    n: int = 3
    last: float = 0.01
    query: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, n=self.n)
        require_at_least(1e-9, last=self.last)

    @property
    def needs_gallery(self) -> bool:
        """Yes: neighbours of hits need not be hits."""
        return True

    def fit(self, gallery: Gallery) -> Gallery:
        """The gallery with augmented vectors."""
        key = ("augmented", gallery.digest, self.n, self.last)
        made = self.cache.get_or_make(key, lambda: {"vectors": self._augmented(gallery)}, kind=key[:1])
        return gallery.with_vectors(made["vectors"], how=repr(key))

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Augments gallery and queries, and scores all hits anew."""
        vectors = queries.vectors
        if self.query:
            weights = decaying_weights(self.n, self.last)
            vectors = moved_queries(queries, self.n, lambda cosines: weights[: len(cosines)])
        return by_cosine(queries.replace(gallery=self.fit(queries.gallery)), vectors)

    def _augmented(self, gallery: Gallery) -> Embeddings:
        rows, _ = learned_neighbours(gallery, self.n, self.cache)
        weights = decaying_weights(self.n, self.last)[: rows.shape[1]].astype(np.float32)
        augmented = gallery.vectors.copy()
        for start in range(0, len(gallery), _BLOCK):
            block = slice(start, start + _BLOCK)
            augmented[block] += np.einsum("k,nkd->nd", weights, gallery.vectors[rows[block]])
        return unit_rows(augmented)
