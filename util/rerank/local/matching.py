"""Which features of two images look alike: mutual nearest neighbours that beat the second best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.features import LocalFeatures

RATIO = 0.9


def match_features(query: LocalFeatures, candidate: LocalFeatures, *, ratio: float = RATIO) -> NDArray[np.intp]:
    """Pairs of features that are each other's nearest, and clearly nearer than the second nearest.

    "Clearly" is Lowe's test: the distance is below ``ratio`` times that of the second nearest feature of the
    candidate. Print repeats (a letter stands in many words), so a looser ratio than Lowe's 0.8 serves here; mutual
    agreement and geometry sort out the rest. All distances are one matrix product.

    Args:
        query: features of the image asked about.
        candidate: of the image compared, with the same kind of descriptors.
        ratio: in (0, 1]; 1 leaves mutual agreement only.

    Returns:
        (M, 2) indices into query and candidate, by the query's index; each index stands there at most once.

    Raises:
        InvalidInputError: if the ratio is out of range or the descriptors have different lengths.
    """
    if not 0 < ratio <= 1:
        raise InvalidInputError(f"the ratio test needs a ratio in (0, 1], not {ratio}")
    if not len(query) or not len(candidate):
        return np.empty((0, 2), np.intp)
    if query.descriptors.shape[1] != candidate.descriptors.shape[1]:
        raise InvalidInputError(
            f"descriptors of {query.descriptors.shape[1]} and {candidate.descriptors.shape[1]} numbers cannot be "
            "compared: detect both images with the same detector"
        )
    cosines = query.unit_descriptors() @ candidate.unit_descriptors().T
    nearest = cosines.argmax(axis=1)
    rows = np.arange(len(query))
    mutual = cosines.argmax(axis=0)[nearest] == rows
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1.0
    second = cosines.max(axis=1)
    # Squared distances of unit rows are 2 − 2·cosine.
    distinct = np.maximum(1 - best, 0) < ratio**2 * (1 - second) if ratio < 1 else np.ones(len(query), dtype=bool)
    kept = np.flatnonzero(mutual & distinct)
    return np.column_stack([kept, nearest[kept]])
