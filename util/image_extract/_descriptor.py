"""Extractors that have learned nothing: a vector computed from the pixels of one image."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from util.image_extract.base import Extractor
from util.records import Embeddings, unit_rows


class Descriptor(Extractor):
    """An extractor without weights: one file has to say no more than ``describe``."""

    @property
    def weights_digest(self) -> str:
        """sha256 of the empty string: nothing was learned."""
        return hashlib.sha256(b"").hexdigest()

    @abstractmethod
    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The vector of one image.

        Args:
            image: uint8 H×W×3 RGB, of any size.

        Returns:
            float32 (dimension,), of any length (in the Euclidean sense) but zero.
        """

    def embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """Describes images one by one; see ``Extractor.embed``."""
        vectors = np.empty((len(prepared), self.dimension), dtype=np.float32)
        for row, image in zip(vectors, prepared, strict=True):
            row[:] = self.describe(image)
        return unit_rows(vectors)
