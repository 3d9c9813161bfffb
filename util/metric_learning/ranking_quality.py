"""How well embeddings keep the order that triplets state: DeepRanking's two measures.

Source: J. Wang et al., "Learning fine-grained image similarity with deep ranking", CVPR 2014 (arXiv:1404.4661),
section 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.metric_learning.items import Indices
from util.records import Embeddings, unit_rows

_ROWS_AT_ONCE = 1024


def similarity_precision(embeddings: NDArray[np.float32], triplets: Indices) -> float:
    """Share of triplets whose positive is more similar to the anchor than the negative; ties are wrong.

    Args:
        embeddings: float (N, D).
        triplets: int64 (M, 3), anchor, positive, negative.

    Returns:
        In [0, 1].

    Raises:
        InvalidInputError: if there are no triplets, or they are no positions of embeddings.

    >>> similarity_precision(np.float32([[1, 0], [1, 0.1], [0, 1]]), np.array([[0, 1, 2], [0, 2, 1]]))
    0.5
    """
    units = _checked(embeddings, triplets)
    return float(_correct(units, triplets).mean())


def score_at_top_k(embeddings: NDArray[np.float32], triplets: Indices, *, k: int = 30) -> int:
    """Number of correctly ordered triplets minus that of the others, where the anchor's top k shows one of the two.

    Args:
        embeddings: float (N, D); an anchor's top k are its most similar images among all N, itself left out.
        triplets: int64 (M, 3), anchor, positive, negative.
        k: length of the list that a user would see.

    Raises:
        InvalidInputError: if there are no triplets, they are no positions of embeddings, or ``k`` is below 1.
    """
    if k < 1:
        raise InvalidInputError(f"k must be at least 1, not {k}")
    units = _checked(embeddings, triplets)
    shown = np.concatenate(
        [_shown(units, triplets[i : i + _ROWS_AT_ONCE], k) for i in range(0, len(triplets), _ROWS_AT_ONCE)]
    )
    return int(np.where(_correct(units, triplets), 1, -1)[shown].sum())


def _correct(units: Embeddings, triplets: Indices) -> NDArray[np.bool_]:
    anchors, positives, negatives = (units[column] for column in triplets.T)
    correct: NDArray[np.bool_] = ((positives - negatives) * anchors).sum(axis=1) > 0
    return correct


def _shown(units: Embeddings, triplets: Indices, k: int) -> NDArray[np.bool_]:
    """(M,) whether fewer than k images are more similar to the anchor than its positive, or than its negative."""
    anchors = triplets[:, 0]
    similarities = units[anchors] @ units.T
    np.put_along_axis(similarities, anchors[:, None], -np.inf, axis=1)
    either = np.take_along_axis(similarities, triplets[:, 1:], axis=1).max(axis=1, keepdims=True)
    shown: NDArray[np.bool_] = (similarities > either).sum(axis=1) < k
    return shown


def _checked(embeddings: NDArray[np.float32], triplets: Indices) -> Embeddings:
    units = unit_rows(embeddings)
    if triplets.ndim != 2 or triplets.shape[1] != 3 or not len(triplets):
        raise InvalidInputError(f"triplets must have shape (M, 3), at least one, got {triplets.shape}")
    if triplets.min() < 0 or triplets.max() >= len(units):
        raise InvalidInputError(f"triplets must be positions of the {len(units)} embeddings")
    return units
