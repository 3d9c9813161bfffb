"""Which images show which item, laid out so that other images can be drawn for thousands of images at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError

Indices: TypeAlias = NDArray[np.int64]
"""int64; positions in the list of images."""

Labels: TypeAlias = Sequence[int] | Sequence[str] | NDArray[np.int64]
"""The item of each image: names or numbers."""


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """The images of each item, one item after another.

    Attributes:
        items: (N,) the item of each image, numbered from 0 in sorted order of the labels.
        images: (N,) the images sorted by item, in their own order within it.
        starts: (I,) where each item's images begin in ``images``.
        counts: (I,) how many images each item has.
        places: (N,) where each image stands in ``images``.
    """

    items: Indices
    images: Indices
    starts: Indices
    counts: Indices
    places: Indices

    @classmethod
    def of(cls, labels: Labels) -> Self:
        """Lays out the images by item.

        Raises:
            InvalidInputError: if there are no labels, or they are not one label an image.
        """
        values = np.asarray(labels)
        if values.ndim != 1 or not values.size:
            raise InvalidInputError(f"the labels must be one an image, at least one, got shape {values.shape}")
        _, items, counts = np.unique(values, return_inverse=True, return_counts=True)
        images = np.argsort(items, kind="stable")
        places = np.empty_like(images)
        places[images] = np.arange(len(images))
        return cls(items.astype(np.int64), images, np.cumsum(counts) - counts, counts.astype(np.int64), places)

    def __len__(self) -> int:
        """Number of items."""
        return len(self.counts)

    @property
    def alone(self) -> Indices:
        """Images that are the only one of their item."""
        images: Indices = self.images[self.starts[self.counts == 1]]
        return images

    def another_of_the_item(self, images: Indices, random: np.random.Generator) -> Indices:
        """For each image, another image of its item, each equally likely; the image itself where it is alone."""
        items = self.items[images]
        counts = self.counts[items]
        steps = random.integers(1, np.maximum(counts, 2)) % counts
        places = self.places[images] - self.starts[items]
        others: Indices = self.images[self.starts[items] + (places + steps) % counts]
        return others

    def one_of_another_item(self, images: Indices, random: np.random.Generator) -> Indices:
        """For each image, an image of another item: the items equally likely, then the item's images.

        Raises:
            InvalidInputError: if there is only one item.
        """
        self.require_two_items()
        items = (self.items[images] + random.integers(1, len(self), len(images))) % len(self)
        others: Indices = self.images[self.starts[items] + random.integers(0, self.counts[items])]
        return others

    def require_two_items(self) -> None:
        """Refuses a set in which nothing can be told apart.

        Raises:
            InvalidInputError: if there is only one item.
        """
        if len(self) < 2:
            raise InvalidInputError(
                f"all {len(self.items)} images show the same item: give photos of at least two items, so that there is "
                "something to tell apart"
            )

    def require_two_images(self) -> None:
        """Refuses a set in which no two images belong together.

        Raises:
            InvalidInputError: if no item has two images.
        """
        if int(self.counts.max()) < 2:
            raise InvalidInputError(
                f"each of the {len(self)} items has a single image: give at least two photos of some items, so that "
                "there is something to recognise"
            )
