"""Measures on triplets of a query, an image more similar to it and one less similar.

Wang, Song, Leung, Rosenberg, Wang, Philbin, Chen and Wu, "Learning Fine-grained Image Similarity with Deep Ranking",
CVPR 2014, section 6.1. People were asked which of two images is more like a third; a system should answer as they did,
which says more about nearly identical things than labels do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError

TOP_K = 30
"""The k of the paper's score at top K."""


def similarity_precision(positive_scores: ArrayLike, negative_scores: ArrayLike) -> float:
    """Share of triplets in which the positive scores higher than the negative.

    Args:
        positive_scores: (T,) similarity of each query to its positive.
        negative_scores: (T,) similarity of each query to its negative. A triplet with equal scores is not ordered
            correctly: a system that scores all alike gets 0.

    Returns:
        in [0, 1]; NaN for no triplets.

    Raises:
        InvalidInputError: if the lengths differ or a score is not finite.

    >>> similarity_precision([0.9, 0.5, 0.4], [0.1, 0.5, 0.8])
    0.3333333333333333
    """
    positive, negative = _scores(positive_scores, negative_scores)
    return float(np.mean(positive > negative)) if positive.size else float("nan")


def score_at_top_k(
    positive_scores: ArrayLike,
    negative_scores: ArrayLike,
    positive_places: ArrayLike,
    negative_places: ArrayLike,
    *,
    k: int = TOP_K,
) -> int:
    """Correctly ordered minus wrongly ordered triplets, among those of which a user sees one image.

    A triplet counts if its positive or its negative is among the first k hits of its query. The number grows with the
    number of triplets, so it compares systems on the same triplets and gallery only. Equal scores are wrongly ordered.

    Args:
        positive_scores: (T,) similarity of each query to its positive.
        negative_scores: (T,) similarity of each query to its negative.
        positive_places: (T,) place of the positive in the query's ranking of the gallery, from 1 (``places_of``).
        negative_places: (T,) the same of the negative.
        k: how many hits a user looks at; 30 in the paper.

    Returns:
        from -T to T; 0 for no triplets.

    Raises:
        InvalidInputError: if the lengths differ, a score is not finite, or ``k`` or a place is below 1.

    >>> score_at_top_k([0.9, 0.4, 0.3], [0.1, 0.8, 0.2], [1, 9, 50], [7, 2, 60], k=5)
    0
    """
    positive, negative = _scores(positive_scores, negative_scores)
    shapes = {np.shape(positive_places), np.shape(negative_places)}
    if shapes != {positive.shape}:
        raise InvalidInputError(f"{positive.size} triplets need as many places, got shapes {sorted(shapes)}")
    places = np.array([positive_places, negative_places])
    if k < 1 or np.any(places < 1):
        raise InvalidInputError(
            f"k and places count from 1 on, got k = {k} and a lowest place of {places.min(initial=1)}"
        )
    seen = (places <= k).any(axis=0)
    right = positive[seen] > negative[seen]
    return int(right.sum() - (~right).sum())


def places_of(scores: ArrayLike, wanted: ArrayLike) -> NDArray[np.int64]:
    """Place, from 1, of one image in each of T rankings; images of equal score all stand before it.

    Args:
        scores: (T, G) similarity of each query to all G images of the gallery; -inf for those that do not count, such
            as the query itself.
        wanted: (T,) position of the image in the gallery.

    Raises:
        InvalidInputError: if the shapes differ or a position is outside of the gallery.

    >>> places_of([[0.1, 0.9, 0.5, 0.5]], [2])
    array([3])
    """
    numbers, positions = np.asarray(scores, dtype=np.float64), np.asarray(wanted)
    if numbers.ndim != 2 or positions.shape != numbers.shape[:1]:
        raise InvalidInputError(f"places need scores (T, G) and T positions, got {numbers.shape} and {positions.shape}")
    if positions.size and not 0 <= positions.min() <= positions.max() < numbers.shape[1]:
        raise InvalidInputError(f"a position is none of the {numbers.shape[1]} of the gallery")
    own = np.take_along_axis(numbers, positions[:, None].astype(np.int64), axis=1) if positions.size else numbers[:, :1]
    return np.asarray((numbers >= own).sum(axis=1), dtype=np.int64)


def _scores(positive_scores: ArrayLike, negative_scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positive, negative = np.asarray(positive_scores, np.float64), np.asarray(negative_scores, np.float64)
    if positive.ndim != 1 or positive.shape != negative.shape:
        raise InvalidInputError(
            f"triplets need as many positive as negative scores, got shapes {positive.shape} and {negative.shape}"
        )
    if not np.all(np.isfinite(positive) & np.isfinite(negative)):
        raise InvalidInputError("a score of a triplet is not a finite number")
    return positive, negative
