"""Pairs of the same and of different items for a network that verifies, with exposure variants among the same.

The sampling is that of the Siamese networks of MM2021-811/ImageIdentification: for each image five pairs that show the
same item, two of them with its own exposure-corrected variants, and five that show different ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.metric_learning.hard_negatives import nearest_other_items
from util.metric_learning.items import Indices, ItemIndex, Labels
from util.metric_learning.seeding import random_of_epoch
from util.records import unit_rows

VARIANTS: tuple[Literal["plain"], Literal["under"], Literal["over"]] = ("plain", "under", "over")
"""How the second image of a pair is shown: as it is, under-exposure corrected, or over-exposure corrected."""

_PLAIN, _UNDER, _OVER = range(3)
_FIXED = 2**32 - 1  # no epoch


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of images by their positions, in random order.

    Attributes:
        first: int64 (M,).
        second: int64 (M,).
        variant: uint8 (M,), how the second image is shown: 0, 1, 2 for ``VARIANTS``; the first is always plain.
        same: bool (M,), whether both show the same item; as many do as do not.
    """

    first: Indices
    second: Indices
    variant: NDArray[np.uint8]
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)


class PairSampling:
    """Draws the pairs of each epoch; equal seed and epoch give equal pairs.

    For each image: itself with each of its two exposure variants, three times another image of its item, five times an
    image of another item (the items equally likely). An image that is alone in its item is paired with its variants
    in all five; ``alone`` tells which those are. Without variants it is five times another image of the item, and
    images that are alone take no part as the first of a pair.

    Args:
        labels: (N,) the item of each image.
        seed: of the drawing.
        variants: whether exposure variants are paired.
        hard_share: share of the different pairs that are drawn from the items that look most alike, in [0, 1]; has
            effect where ``epoch`` is given embeddings.
        nearest: how many items count as looking most alike.

    Attributes:
        photos: how many images there are.
        alone: int64, images that are the only one of their item.

    Raises:
        InvalidInputError: if there is one item only, no same pair can be made, or an option is out of range.
    """

    same_pairs = 5
    different_pairs = 5

    def __init__(
        self, labels: Labels, *, seed: int, variants: bool = True, hard_share: float = 0.0, nearest: int = 10
    ) -> None:
        if not 0 <= hard_share <= 1 or nearest < 1:
            raise InvalidInputError(
                f"hard_share must be in [0, 1] and nearest at least 1, not {hard_share} and {nearest}"
            )
        self._index = ItemIndex.of(labels)
        self._index.require_two_items()
        if not variants:
            self._index.require_two_images()
        self._seed, self._variants = seed, variants
        self._hard_share, self._nearest = hard_share, nearest
        self.photos = len(self._index.items)
        self.alone = self._index.alone

    def epoch(self, epoch: int, *, embeddings: NDArray[np.float32] | None = None) -> Pairs:
        """The pairs of an epoch.

        Args:
            epoch: counted from 0.
            embeddings: float (N, D) from the network as it now is, to find the items that look alike with.
        """
        return self._draw(random_of_epoch(self._seed, epoch), embeddings)

    def fixed(self) -> Pairs:
        """Pairs that are the same at every validation, and those of no epoch."""
        return self._draw(random_of_epoch(self._seed, _FIXED), None)

    def _draw(self, random: np.random.Generator, embeddings: NDArray[np.float32] | None) -> Pairs:
        images = np.arange(len(self._index.items))
        if not self._variants:
            images = np.setdiff1d(images, self.alone)
        same_second, variant = self._same(images, random)
        different_second = self._different(images, random, embeddings)
        first = np.concatenate([np.repeat(images, self.same_pairs), np.repeat(images, self.different_pairs)])
        second = np.concatenate([same_second, different_second])
        same = np.arange(len(first)) < len(same_second)
        variant = np.concatenate([variant, np.full(len(different_second), _PLAIN, np.uint8)])
        order = random.permutation(len(first))
        return Pairs(first[order], second[order], variant[order], same[order])

    def _same(self, images: Indices, random: np.random.Generator) -> tuple[Indices, NDArray[np.uint8]]:
        """Second images and their variants, five for each image one after another."""
        second = self._index.another_of_the_item(np.repeat(images, self.same_pairs), random)
        second = second.reshape(-1, self.same_pairs)
        variant = np.full(second.shape, _PLAIN, np.uint8)
        if self._variants:
            second[:, :2] = images[:, None]
            variant[:, :2] = _UNDER, _OVER
            alone = self._index.counts[self._index.items[images]] == 1
            variant[alone, 2:] = random.integers(_UNDER, _OVER + 1, (int(alone.sum()), self.same_pairs - 2))
        return second.ravel(), variant.ravel()

    def _different(
        self, images: Indices, random: np.random.Generator, embeddings: NDArray[np.float32] | None
    ) -> Indices:
        first = np.repeat(images, self.different_pairs)
        second = self._index.one_of_another_item(first, random)
        hard = round(self._hard_share * self.different_pairs)
        if embeddings is None or not hard:
            return second
        alike = self._alike(images, embeddings)
        chosen = random.integers(0, alike.shape[1], (len(images), hard))
        second.reshape(-1, self.different_pairs)[:, :hard] = np.take_along_axis(alike, chosen, axis=1)
        return second

    def _alike(self, images: Indices, embeddings: NDArray[np.float32]) -> Indices:
        """(M, nearest) the image of each of the most similar other items that is most similar."""
        if len(embeddings) != len(self._index.items):
            raise InvalidInputError(
                f"{len(embeddings)} embeddings do not go with {len(self._index.items)} images: give one each"
            )
        count = min(self._nearest, len(self._index) - 1)
        return nearest_other_items(unit_rows(embeddings), self._index, images, count=count)[0]
