"""The contract of an extractor: images in, unit embeddings out, with the preprocessing that belongs to it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.preprocess.recipe import Recipe
from util.records import Embeddings

WeightsState: TypeAlias = Literal["none needed", "present", "downloaded on first use", "missing"]


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """Whether an extractor's weights are here.

    Attributes:
        state: what will happen when the extractor is loaded.
        where: the file or the place they come from; empty where none are needed.
    """

    state: WeightsState
    where: str = ""


class Extractor(ABC):
    """Turns images into embeddings.

    Work is cut in two so that it can overlap: ``prepare`` runs image by image in worker threads, ``embed`` runs on
    whole batches where the network is. Whoever has the images at hand calls ``extract``, which does both.

    Attributes:
        name: the name ``load`` takes; stored with every space the extractor writes.
        dimension: length of its embeddings.
        default_recipe: its preprocessing where the user asks for no other.
        recipe: its preprocessing.
        revision: to be raised when the code comes to give other embeddings for the same pixels and weights.
        batch_size: a batch that suits it, used where the user names none.
        duplicate_score: cosine similarity from which two images count as nearly the same picture, used where the
            user names none.
    """

    name: str
    dimension: int
    default_recipe: str = ""
    recipe: Recipe
    revision: int = 1
    batch_size: int = 32
    duplicate_score: float = 0.95

    def __init__(self, *, recipe: Recipe | str | None = None, device: str = "auto") -> None:
        """Takes the options that every extractor has.

        Args:
            recipe: preprocessing in place of ``default_recipe``.
            device: where a network runs; an extractor without one has no use for it.

        Raises:
            RecipeError: if the recipe cannot be parsed.
        """
        chosen = self.default_recipe if recipe is None else recipe
        self.recipe = Recipe.parse(chosen) if isinstance(chosen, str) else chosen

    @classmethod
    def weights_status(cls) -> WeightsStatus:
        """Whether the weights are here, without loading them; an extractor that learned nothing needs none."""
        return WeightsStatus("none needed")

    @property
    @abstractmethod
    def weights_digest(self) -> str:
        """sha256 of what was learned, as hexadecimal digits; of the empty string where nothing was."""

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of name, revision, weights and recipe: embeddings compare only where it is equal."""
        parts = json.dumps([self.name, self.revision, self.weights_digest, str(self.recipe)])
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def space_attributes(self) -> Mapping[str, object]:
        """JSON that a space of its embeddings has to keep besides name and recipe, for it to be loaded again."""
        return {}

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
