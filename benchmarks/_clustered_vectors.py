"""Vectors that lie as embeddings of photos do, and are hard to search: overlapping groups within groups.

Ten photos around an item, twenty items around a family; photos lie as far from their item, and items from their
family, as families from each other, so that a query's nearest photos show several items of several families.
Directions differ in how much vectors vary along them, by a power law turned at random: networks' embeddings have few
strong directions and many weak ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings, unit_rows

PHOTOS, ITEMS = 10, 20  # of one item, of one family
SPREAD = 1.0  # of items around their family and of photos around their item, in units of the families' own
DECAY = 0.8  # standard deviation along direction n: n to the power of -DECAY
SEED = 20_201_121
_BLOCK = PHOTOS * ITEMS * 50


class ClusteredVectors:
    """Draws photos of any number of items, always the same ones.

    Args:
        dimension: of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        rng = np.random.default_rng([SEED, dimension])
        deviations = np.arange(1, dimension + 1, dtype=np.float64) ** -DECAY
        turned, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
        self._directions = (deviations[:, np.newaxis] * turned).astype(np.float32)
        self._dimension = dimension

    def photos(self, count: int) -> Embeddings:
        """The first so many photos: float32 (count, D), unit rows."""
        vectors = np.empty((count, self._dimension), dtype=np.float32)
        for first in range(0, count, _BLOCK):
            rng, items = self._items(first // _BLOCK)
            drawn = self._around(np.repeat(items, PHOTOS, axis=0), rng)
            vectors[first : first + _BLOCK] = drawn[: count - first]
        return vectors

    def queries(self, count: int, *, among: int) -> Embeddings:
        """Further photos of items drawn from those of the first ``among`` photos."""
        rng = np.random.default_rng([SEED, 1, count])
        drawn = np.sort(rng.integers(max(1, among // PHOTOS), size=count))
        per_block = _BLOCK // PHOTOS
        blocks = drawn // per_block
        rows = [self._items(block)[1][drawn[blocks == block] % per_block] for block in np.unique(blocks)]
        return rng.permutation(self._around(np.concatenate(rows), rng))

    def _items(self, block: int) -> tuple[np.random.Generator, NDArray[np.float32]]:
        rng = np.random.default_rng([SEED, 0, block])
        families = self._drawn(_BLOCK // (PHOTOS * ITEMS), rng)
        items = np.repeat(families, ITEMS, axis=0)
        return rng, items + SPREAD * self._drawn(len(items), rng)

    def _around(self, centres: NDArray[np.float32], rng: np.random.Generator) -> Embeddings:
        return unit_rows(centres + SPREAD * self._drawn(len(centres), rng))

    def _drawn(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal((count, self._dimension), dtype=np.float32) @ self._directions
