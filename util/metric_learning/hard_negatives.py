"""Hard negatives, mined anew every epoch: the images of other items that the network now finds most alike.

Source: F. Radenović et al., "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019, whose tuples SOLAR
(T. Ng et al., ECCV 2020) was trained with too: an anchor, a positive, and the most similar images of different items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.metric_learning.items import Indices, ItemIndex, Labels
from util.metric_learning.seeding import random_of_epoch
from util.records import Embeddings, unit_rows

_SCORES_AT_ONCE = 16_000_000  # 64 MB of float32


@dataclass(frozen=True, slots=True)
class HardTuples:
    """What one epoch is trained with.

    Attributes:
        tuples: int64 (M, 2 + K), positions of anchor, positive and K negatives, the hardest first.
        mean_negative_distance: Euclidean distance of unit vectors between an anchor and its negatives, on average, in
            [0, 2]; as it grows from epoch to epoch, the network learns to tell items apart.
    """

    tuples: Indices
    mean_negative_distance: float


def mine_hard_negatives(
    embeddings: NDArray[np.float32],
    labels: Labels,
    *,
    count: int = 2000,
    negatives: int = 5,
    pool: int = 20_000,
    seed: int,
    epoch: int = 0,
) -> HardTuples:
    """Random pairs of an item's images, each with the most similar images of different other items.

    Args:
        embeddings: float (N, D) of the training images, from the network as it now is.
        labels: (N,) their items.
        count: pairs to draw; the anchors are different images, so that fewer come where there are fewer.
        negatives: negatives a pair, each of another item.
        pool: images among which negatives are looked for, drawn at random; all of them where there are fewer.
        seed: of the drawing.
        epoch: likewise; another epoch gives other pairs.

    Raises:
        InvalidInputError: if embeddings and labels do not match, no item has two images, or the pool has not enough
            other items.
    """
    index = ItemIndex.of(labels)
    units = _checked(embeddings, index)
    index.require_two_images()
    random = random_of_epoch(seed, epoch)
    able = np.flatnonzero(index.counts[index.items] > 1)
    anchors = random.permutation(able)[:count]
    positives = index.another_of_the_item(anchors, random)
    candidates = np.sort(random.permutation(len(units))[:pool])
    hardest, scores = nearest_other_items(units, index, anchors, count=negatives, candidates=candidates)
    distances = np.sqrt(np.maximum(0, 2 - 2 * scores.astype(np.float64)))
    return HardTuples(np.column_stack([anchors, positives, hardest]), float(distances.mean()))


def nearest_other_items(
    units: Embeddings, index: ItemIndex, anchors: Indices, *, count: int, candidates: Indices | None = None
) -> tuple[Indices, NDArray[np.float32]]:
    """The most similar images of other items, one an item; never more than a block of similarities in memory.

    Args:
        units: float32 (N, D), unit rows.
        index: the items of the N images.
        anchors: (A,) the images to find neighbours of.
        count: neighbours an anchor.
        candidates: (M,) the images to look among; ``None`` for all.

    Returns:
        int64 (A, count) positions and float32 (A, count) cosine similarities, the most similar first; of an item's
        equally similar images the first one.

    Raises:
        InvalidInputError: if the candidates show too few other items.
    """
    among = np.arange(len(units)) if candidates is None else candidates
    among = among[np.argsort(index.items[among], kind="stable")]
    items, starts = np.unique(index.items[among], return_index=True)
    if count < 1 or len(among) < 1 or int(_other_items(items, index.items[anchors]).min(initial=count)) < count:
        raise InvalidInputError(
            f"{count} negatives need images of at least as many other items, the {len(among)} images looked among show "
            f"{len(items)}: ask for fewer negatives, or look among more images"
        )
    found = np.empty((len(anchors), count), dtype=np.int64)
    scores = np.empty((len(anchors), count), dtype=np.float32)
    rows = max(1, _SCORES_AT_ONCE // len(among))
    for first in range(0, len(anchors), rows):
        block = slice(first, first + rows)
        similarities = units[anchors[block]] @ units[among].T
        own = items == index.items[anchors[block], None]
        places, scores[block] = _best_of_each_item(similarities, starts, own, count)
        found[block] = among[places]
    return found, scores


def _other_items(items: Indices, own: Indices) -> Indices:
    """How many of the items are not an anchor's own, for each anchor."""
    others: Indices = len(items) - np.isin(own, items).astype(np.int64)
    return others


def _best_of_each_item(
    similarities: NDArray[np.float32], starts: Indices, own: NDArray[np.bool_], count: int
) -> tuple[Indices, NDArray[np.float32]]:
    """Columns and values of the ``count`` best items' best images; the columns of an item are neighbours.

    Args:
        similarities: (B, M).
        starts: (I,) the first column of each item.
        own: (B, I) whether the item is the row's own.
        count: items a row.
    """
    best = np.maximum.reduceat(similarities, starts, axis=1)
    columns = np.arange(similarities.shape[1])
    widths = np.diff(np.append(starts, len(columns)))
    is_best = similarities == np.repeat(best, widths, axis=1)
    where = np.minimum.reduceat(np.where(is_best, columns, len(columns)), starts, axis=1)
    best[own] = -np.inf
    order = np.argsort(-best, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(where, order, axis=1), np.take_along_axis(best, order, axis=1)


def _checked(embeddings: NDArray[np.float32], index: ItemIndex) -> Embeddings:
    if len(embeddings) != len(index.items):
        raise InvalidInputError(f"{len(embeddings)} embeddings do not go with {len(index.items)} labels: give one each")
    return unit_rows(embeddings)
