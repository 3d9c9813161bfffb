"""New scores, new order: the one place where hits are sorted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError
from util.records import SearchResult


def rescored(result: SearchResult, scores: ArrayLike) -> SearchResult:
    """The same hits, each with its metadata, ordered by new scores; equal scores by id.

    Args:
        result: K hits.
        scores: (K,) numbers, the new score of each hit in the order of ``result``; bigger is more similar.

    Raises:
        InvalidInputError: if there are not K scores, or one is not a finite number.

    >>> rescored(SearchResult("q", ("a", "b", "c"), np.array([0.9, 0.5, 0.4])), [0.1, 0.8, 0.1]).ids
    ('b', 'a', 'c')
    """
    # The order is taken from what is stored: rounding to float32 can make ties that must stand by id.
    new = np.asarray(scores, dtype=np.float32)
    if new.shape != result.scores.shape:
        raise InvalidInputError(f"query {result.query!r}: {len(result)} hits need as many scores, got {new.shape}")
    return _taken(result, falling(new, result.ids), new)


def head_rescored(result: SearchResult, scores: ArrayLike) -> SearchResult:
    """The first hits ordered by new scores, the rest behind them as they were.

    The new scores are raised together, by one number, where that is needed to stand above the rest: what they differ by
    stays.

    Args:
        result: K hits.
        scores: (H,) numbers, H ≤ K: the new scores of the first H hits.

    >>> found = SearchResult("q", ("a", "b", "c"), np.array([0.9, 0.5, 0.4], np.float32))
    >>> head_rescored(found, [0.0, 0.25]).hits[0].id, head_rescored(found, [0.0, 0.25]).scores
    ('b', array([0.65, 0.4 , 0.4 ], dtype=float32))
    """
    head = np.asarray(scores, dtype=np.float32)
    if head.ndim != 1 or len(head) > len(result):
        raise InvalidInputError(f"query {result.query!r}: {len(result)} hits take no new scores of shape {head.shape}")
    tail = result.scores[len(head) :]
    if head.size and tail.size:
        lifted = head + max(np.float32(0), tail[0] - head.min())
        head = np.maximum(lifted, tail[0])  # what was rounded down must not fall below the rest
    order = np.concatenate([falling(head, result.ids[: len(head)]), np.arange(len(head), len(result))])
    return _taken(result, order, np.concatenate([head, tail]))


def ties_by_id(result: SearchResult) -> SearchResult:
    """The same hits, those of equal score in the order of their ids."""
    if not np.any(np.diff(result.scores) == 0):
        return result
    order = falling(result.scores, result.ids)
    return result if np.array_equal(order, np.arange(len(result))) else _taken(result, order, result.scores)


def falling(scores: NDArray[np.float32], ids: Sequence[str]) -> NDArray[np.intp]:
    """The order of falling scores, equal ones by id: intp (K,)."""
    if not np.all(np.isfinite(scores)):
        raise InvalidInputError("a score is not a finite number: check the vectors")
    order = np.argsort(-scores, kind="stable")
    tied = np.diff(scores[order]) == 0
    if not tied.any():
        return order
    # Only the runs of equal scores are sorted by id: comparing strings is slow, and ties are few.
    edges = np.flatnonzero(np.concatenate([[True], ~tied, [True]]))
    for start, end in pairwise(edges.tolist()):
        if end - start > 1:
            order[start:end] = sorted(order[start:end], key=lambda place: ids[place])
    return order


def _taken(result: SearchResult, order: NDArray[np.intp], scores: NDArray[np.float32]) -> SearchResult:
    places = order.tolist()
    ids = tuple(result.ids[place] for place in places)
    # Full rankings come without metadata; millions of empty mappings need not be taken along one by one.
    metadata = tuple(result.metadata[place] for place in places) if any(result.metadata) else ()
    return SearchResult(result.query, ids, scores[order], metadata)
