"""Query expansion by concatenation: an image and its neighbourhood are compared side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings, unit_rows
from util.rerank._folder import Arrays
from util.rerank._limits import require_at_least
from util.rerank._neighbours import nearest_neighbours
from util.rerank._ordering import rescored
from util.rerank.base import Gallery, RankedQueries, ReRanker

_BLOCK = 4096  # images whose neighbours are averaged at a time


@dataclass(frozen=True, kw_only=True)
class ConcatenatedExpansion(ReRanker):
    """Average expansion by concatenation instead of addition (after Chum et al., ICCV 2007, on both sides).

    All vectors are centred on the mean of the gallery and scaled to unit length. An image is then described by itself
    and, beside that, by the mean m of its n nearest neighbours (a query: of its first n hits), and images are compared
    by the distance of both parts. The score is 1 − (‖q − r‖² + ‖m_q − m_r‖²) / 4, in [−1, 1]: the mean of the cosine of
    the centred images and of the agreement of their neighbourhoods. Query vectors and gallery stay as they are.

    Attributes:
        n: how many neighbours are averaged.
    """

    name: ClassVar[str] = "aqe_concat"

    n: int = 3

    def __post_init__(self) -> None:
        require_at_least(1, n=self.n)

    @property
    def needs_gallery(self) -> bool:
        """Yes: for the mean, and because neighbours of hits need not be hits."""
        return True

    def fit(self, gallery: Gallery) -> Gallery:
        """Finds the neighbourhood of every gallery image."""
        self._learned(gallery)
        return gallery

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Scores all hits by themselves and their neighbourhoods."""
        learned = self._learned(queries.gallery)
        images, around = learned["images"], learned["around"]
        centred = unit_rows(queries.vectors - learned["mean"])
        results = []
        for number, result in enumerate(queries.results):
            rows = queries.rows(number)
            own = images[rows[: self.n]].mean(axis=0) if len(rows) else np.zeros_like(centred[number])
            distance = _squared(images[rows] - centred[number]) + _squared(around[rows] - own)
            results.append(rescored(result, 1 - distance / 4))
        return queries.replace(results=tuple(results))

    def _learned(self, gallery: Gallery) -> Arrays:
        key = ("concatenated", gallery.digest, self.n)
        return self.cache.get_or_make(key, lambda: self._learn(gallery), kind=key[:1])

    def _learn(self, gallery: Gallery) -> Arrays:
        mean = gallery.vectors.sum(axis=0, keepdims=True) / np.float32(max(len(gallery), 1))
        images = unit_rows(gallery.vectors - mean)
        return {"mean": mean, "images": images, "around": _neighbourhoods(images, self.n)}


def _neighbourhoods(images: Embeddings, n: int) -> Embeddings:
    """Mean vector of the n nearest other images of each: float32 (N, D); zeros for an only image."""
    rows, _ = nearest_neighbours(images, n)
    around = np.zeros_like(images)
    if rows.shape[1]:
        for start in range(0, len(images), _BLOCK):
            around[start : start + _BLOCK] = images[rows[start : start + _BLOCK]].mean(axis=1)
    return around


def _squared(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("nd,nd->n", rows, rows))
