"""Triplets drawn at random: any image of the item against any image of another."""

from __future__ import annotations

import numpy as np

from util.metric_learning.items import Indices, ItemIndex, Labels
from util.metric_learning.seeding import random_of_epoch


class RandomTriplets:
    """For each image a positive and a negative, drawn anew each epoch; equal seed and epoch give equal triplets.

    The positive is another image of the item, each equally likely; the negative shows another item, the items equally
    likely. Images that are alone in their item are negatives only.

    Args:
        labels: (N,) the item of each image.
        seed: of the drawing.

    Raises:
        InvalidInputError: if there is one item only, or no item has two images.

    >>> RandomTriplets(["milk", "milk", "cream"], seed=0).epoch(0).tolist()
    [[0, 1, 2], [1, 0, 2]]
    """

    def __init__(self, labels: Labels, *, seed: int) -> None:
        self._index = ItemIndex.of(labels)
        self._index.require_two_items()
        self._index.require_two_images()
        self._seed = seed

    def epoch(self, epoch: int) -> Indices:
        """int64 (M, 3): positions of anchor, positive, negative; each image with a positive is the anchor once."""
        random = random_of_epoch(self._seed, epoch)
        anchors = np.flatnonzero(self._index.counts[self._index.items] > 1)
        positives = self._index.another_of_the_item(anchors, random)
        return np.column_stack([anchors, positives, self._index.one_of_another_item(anchors, random)])
