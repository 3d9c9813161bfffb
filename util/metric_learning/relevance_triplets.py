"""DeepRanking's triplets: which image of the *same* class is more alike, and which class is another.

Source: J. Wang et al., "Learning fine-grained image similarity with deep ranking", CVPR 2014 (arXiv:1404.4661),
section 6. Its word *category* is ``label`` here. Where labels are items, in-class triplets rank photos of one item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.metric_learning.items import Indices, ItemIndex, Labels
from util.metric_learning.seeding import random_of_epoch
from util.records import unit_rows

Relevance: TypeAlias = Callable[[Indices], NDArray[np.floating]]
"""Positions of the n images of one class to their relevance to one another: (n, n), symmetric, 0 or more; the diagonal
is not looked at. Only one class at a time is held in memory."""

_ROUNDS = 20  # of drawing again what the margin turned down


def relevance_of_embeddings(embeddings: NDArray[np.float32]) -> Relevance:
    """Relevance as the cosine similarity of embeddings, negative ones as 0.

    Args:
        embeddings: float (N, D), of another network or of hand-made features.
    """
    units = unit_rows(embeddings)

    def relevance(images: Indices) -> NDArray[np.float32]:
        similarities: NDArray[np.float32] = np.clip(units[images] @ units[images].T, 0, None)
        return similarities

    return relevance


@dataclass(frozen=True, slots=True)
class RelevanceTriplets:
    """Draws triplets by the relevance of images within a class; equal seed and epoch give equal triplets.

    * An anchor is drawn with a probability proportional to its total relevance, r(i) = Σⱼ r(i, j) over its class.
    * Its positive, of its class, with one proportional to min(T_p, r(i, j)).
    * An in-class negative by the same law among the images that are less relevant by at least T_r; a draw for which
      there is none is turned down and made again.
    * An out-of-class negative with equal probability among all images of other classes.

    Attributes:
        labels: (N,) the class of each image.
        relevance: within a class.
        seed: of the drawing.
        positive_threshold: T_p, from which on more relevance makes a positive no likelier.
        margin: T_r, the least difference in relevance between positive and in-class negative.
        out_of_class: share of the triplets with an out-of-class negative; the paper found 0.2 to rank best.

    Raises:
        InvalidInputError: if a threshold or the share is out of range, or there is only one class while out-of-class
            negatives are wanted.
    """

    labels: Labels
    relevance: Relevance
    seed: int
    positive_threshold: float = 1.0
    margin: float = 0.05
    out_of_class: float = 0.2

    def __post_init__(self) -> None:
        if not (self.positive_threshold > 0 and self.margin >= 0 and 0 <= self.out_of_class <= 1):
            raise InvalidInputError(
                "positive_threshold must be above 0, margin at least 0 and out_of_class in [0, 1], not "
                f"{self.positive_threshold}, {self.margin} and {self.out_of_class}"
            )

    def epoch(self, epoch: int, *, count: int) -> Indices:
        """The triplets of an epoch, in random order.

        Args:
            epoch: counted from 0.
            count: triplets to draw; fewer come, with fewer in-class ones, where the margin turns nearly all down.

        Returns:
            int64 (M, 3): positions of anchor, positive, negative.

        Raises:
            InvalidInputError: if ``count`` is below 1, no image has any relevance to another, or the margin leaves no
                in-class negative at all.
        """
        if count < 1:
            raise InvalidInputError(f"at least one triplet must be drawn, not {count}")
        index = ItemIndex.of(self.labels)
        random = random_of_epoch(self.seed, epoch)
        outside = round(self.out_of_class * count)
        if outside:
            index.require_two_items()
        totals = self._totals(index)
        inside_triplets = self._inside(index, totals, count - outside, random)
        outside_triplets = self._outside(index, totals, outside, random)
        return random.permutation(np.concatenate([inside_triplets, outside_triplets]))

    def _totals(self, index: ItemIndex) -> NDArray[np.float64]:
        """(N,) total relevance of each image, which decides how often it is an anchor."""
        totals = np.zeros(len(index.items))
        for group in _groups(index):
            totals[group] = self._weights(group).sum(axis=1)
        if not totals.any():
            raise InvalidInputError(
                f"no image of the {len(index)} classes has any relevance to another of its class: give classes with at "
                "least two images, and a relevance above 0"
            )
        return totals

    def _weights(self, images: Indices) -> NDArray[np.float64]:
        """(n, n) relevance within one class, nothing on the diagonal."""
        weights = np.array(self.relevance(images), dtype=np.float64)
        if weights.shape != (len(images), len(images)) or not np.isfinite(weights).all() or (weights < 0).any():
            raise InvalidInputError(
                f"the relevance of n images must be an (n, n) array of numbers of at least 0, got shape "
                f"{weights.shape} for {len(images)}, or a number below 0, infinite or missing"
            )
        np.fill_diagonal(weights, 0)
        return weights

    def _outside(
        self, index: ItemIndex, totals: NDArray[np.float64], count: int, random: np.random.Generator
    ) -> Indices:
        if not count:
            return np.empty((0, 3), dtype=np.int64)
        anchors = random.choice(len(totals), count, p=totals / totals.sum())
        positives = np.empty_like(anchors)
        for group, rows in _by_class(index, anchors):
            relevance = np.minimum(self._weights(group), self.positive_threshold)
            positives[rows] = group[_draw(relevance[_within(group, anchors[rows])], random)]
        # Uniform over the images of other classes: those stand in a row once the anchor's class is skipped.
        items = index.items[anchors]
        places = random.integers(0, len(totals) - index.counts[items])
        places += np.where(places >= index.starts[items], index.counts[items], 0)
        return np.column_stack([anchors, positives, index.images[places]])

    def _inside(
        self, index: ItemIndex, totals: NDArray[np.float64], count: int, random: np.random.Generator
    ) -> Indices:
        kept = np.empty((0, 3), dtype=np.int64)
        for _ in range(_ROUNDS):
            if len(kept) >= count:
                break
            anchors = random.choice(len(totals), count, p=totals / totals.sum())
            drawn = [
                self._inside_class(group, _within(group, anchors[rows]), random)
                for group, rows in _by_class(index, anchors)
            ]
            # Shuffled, so that cutting to the count favours no class.
            kept = np.concatenate([kept, random.permutation(np.concatenate(drawn))])
        if count and not len(kept):
            raise InvalidInputError(
                f"no image is less relevant than a positive by {self.margin}: make the margin smaller, or draw "
                "out-of-class negatives only (out_of_class=1)"
            )
        return kept[:count]

    def _inside_class(self, group: Indices, anchors: Indices, random: np.random.Generator) -> Indices:
        """Triplets within one class; anchors without an image that may be the negative drop out."""
        relevance = self._weights(group)[anchors]
        capped = np.minimum(relevance, self.positive_threshold)
        positives = _draw(capped, random)
        enough_less = np.take_along_axis(relevance, positives[:, None], axis=1) - relevance >= self.margin
        negatives = capped * enough_less
        np.put_along_axis(negatives, positives[:, None], 0, axis=1)
        able = negatives.any(axis=1)
        drawn = _draw(negatives[able], random)
        return np.column_stack([group[anchors[able]], group[positives[able]], group[drawn]])


def _groups(index: ItemIndex) -> list[Indices]:
    """The images of each class."""
    return np.split(index.images, index.starts[1:])


def _by_class(index: ItemIndex, anchors: Indices) -> list[tuple[Indices, Indices]]:
    """The images of each class that has anchors, and where those stand among ``anchors``."""
    groups = _groups(index)
    classes = index.items[anchors]
    order = np.argsort(classes, kind="stable")
    present, starts = np.unique(classes[order], return_index=True)
    return [(groups[i], rows) for i, rows in zip(present, np.split(order, starts[1:]), strict=True)]


def _within(group: Indices, images: Indices) -> Indices:
    """Where the images stand in their class, whose images are in rising order."""
    places: Indices = np.searchsorted(group, images)
    return places


def _draw(weights: NDArray[np.float64], random: np.random.Generator) -> Indices:
    """One column of each row, with a probability proportional to its weight; each row has some."""
    cumulative = np.cumsum(weights, axis=1)
    thresholds = random.random((len(weights), 1)) * cumulative[:, -1:]
    columns: Indices = np.argmax(cumulative > thresholds, axis=1)
    return columns
