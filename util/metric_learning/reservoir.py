"""A fixed number of images out of a stream of any length, the more relevant ones likelier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.metric_learning.items import Indices


class WeightedReservoir:
    """Weighted sampling without replacement from a stream, as DeepRanking's class buffers do it.

    Each image gets the key u^(1/r), u uniform in (0, 1) and r its total relevance; the images with the largest keys
    stay. Source: P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir", Information Processing
    Letters 97 (2006). Keys are kept as logarithms, ln(u)/r, which small r cannot make vanish.

    Args:
        capacity: images to hold.
        seed: of the drawing.

    Raises:
        InvalidInputError: if the capacity is below 1.
    """

    def __init__(self, capacity: int, *, seed: int) -> None:
        if capacity < 1:
            raise InvalidInputError(f"a reservoir holds at least one image, not {capacity}")
        self._capacity = capacity
        self._random = np.random.default_rng(seed)
        self._keys = np.empty(0)
        self._images: Indices = np.empty(0, dtype=np.int64)

    @property
    def images(self) -> Indices:
        """int64, at most ``capacity``: what it now holds, the largest key first."""
        return self._images

    def offer(self, images: Indices, relevance: NDArray[np.floating]) -> None:
        """Passes a stretch of the stream by.

        Args:
            images: int64 (M,).
            relevance: float (M,), the total relevance of each, 0 or more; images with 0 never stay.

        Raises:
            InvalidInputError: if the lengths differ or a relevance is negative or no number.
        """
        weights = np.asarray(relevance, dtype=np.float64)
        if weights.shape != np.shape(images) or not np.all(np.isfinite(weights) & (weights >= 0)):
            raise InvalidInputError(
                f"{np.shape(images)} images need as many relevances of at least 0, got shape {weights.shape}"
            )
        able = weights > 0
        keys = np.log1p(-self._random.random(len(weights)))[able] / weights[able]
        every_key = np.concatenate([self._keys, keys])
        every_image = np.concatenate([self._images, np.asarray(images)[able]])
        largest = np.argsort(-every_key, kind="stable")[: self._capacity]
        self._keys, self._images = every_key[largest], every_image[largest]
