"""The contract of an extractor: images in, unit embeddings out, with the preprocessing that belongs to it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from util.preprocess.recipe import Recipe
from util.records import Embeddings


class Extractor(ABC):
    """Turns images into embeddings.

    Work is cut in two so that it can overlap: ``prepare`` runs image by image in worker threads, ``embed`` runs on
    whole batches where the network is. Whoever has the images at hand calls ``extract``, which does both.

    Attributes:
        name: the name ``load`` takes; stored with every space the extractor writes.
        dimension: length of its embeddings.
        recipe: its preprocessing.
        batch_size: a batch that suits it, used where the user names none.
        duplicate_score: cosine similarity from which two images count as nearly the same picture, used where the
            user names none.
    """

    name: str
    dimension: int
    recipe: Recipe
    batch_size: int = 32
    duplicate_score: float = 0.95

    @property
    @abstractmethod
    def weights_digest(self) -> str:
        """sha256 of what was learned, as hexadecimal digits; of the empty string where nothing was."""

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of name, weights and recipe: embeddings compare only where it is equal."""
        parts = json.dumps([self.name, self.weights_digest, str(self.recipe)])
        return hashlib.sha256(parts.encode()).hexdigest()

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Preprocesses one decoded image by the recipe.

        Args:
            image: uint8 H×W×3 (RGB) or H×W×4 (RGBA), as ``util.images.read_image`` returns it.

        Returns:
            uint8 H'×W'×3, RGB; of one size for all images where the recipe fixes one.
        """
        return self.recipe.apply(image)

    @abstractmethod
    def embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """Embeds images that ``prepare`` has been through.

        Args:
            prepared: N arrays, uint8 H×W×3 RGB. The answer for an image does not depend on its neighbours.

        Returns:
            float32 (N, dimension), unit rows; (0, dimension) for no images.
        """

    def extract(self, images: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """Embeddings of decoded images: ``embed`` of each one ``prepare``-d.

        Args:
            images: N arrays, uint8 H×W×3 (RGB) or H×W×4 (RGBA).

        Returns:
            float32 (N, dimension), unit rows.
        """
        return self.embed([self.prepare(image) for image in images])
