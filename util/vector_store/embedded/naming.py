"""From positions and scores to ranked ids: equal scores are ordered by id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from util.vector_store.embedded.exact import Candidates
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.rows import VectorRows


class Ranking(NamedTuple):
    """The answer to one query, in places of a :class:`Names`.

    Attributes:
        places: of the hits in the order of ids, best hit first.
        scores: float32, as many, never rising.
    """

    places: NDArray[np.intp]
    scores: NDArray[np.float32]


class Names:
    """Ids of some images in order, found by key.

    Args:
        keys: int64 (N,), ordered by id.
        ids: N ids in order.
    """

    def __init__(self, keys: Keys, ids: NDArray[np.object_]) -> None:
        self.keys, self.ids = keys, ids
        self._places = np.argsort(keys)
        self._sorted = keys[self._places]

    def places(self, keys: Keys) -> NDArray[np.intp]:
        """Where some keys stand in the order of ids."""
        return self._places[np.searchsorted(self._sorted, keys)]

    def ranked(self, rows: VectorRows, found: Candidates, k: int) -> Ranking:
        """The k best candidates, best first."""
        places = self.places(rows.keys[found.positions])
        order = np.lexsort((places, -found.scores))[:k]
        return Ranking(places[order], found.scores[order])


def ranked_fully(scores: NDArray[np.float32], places: NDArray[np.intp], k: int) -> Iterator[Ranking]:
    """The k best of each line of scores, for k of any size.

    Args:
        scores: float32 (Q, M).
        places: of the M rows in the order of ids.
        k: how many.
    """
    # Score and place side by side in one integer, smallest first: one sort orders both, many times faster than two.
    bits = scores.view(np.uint32)
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    words = (~rising).astype(np.uint64) << np.uint64(32) | places.astype(np.uint64)
    words.sort(axis=1)
    words = words[:, :k]
    rising = ~(words >> np.uint64(32)).astype(np.uint32)
    ordered = np.where(rising >> 31, rising & np.uint32((1 << 31) - 1), ~rising).view(np.float32)
    for line, best in zip((words & np.uint64(0xFFFFFFFF)).astype(np.intp), ordered, strict=True):
        yield Ranking(line, best)
