"""Lists of nearest neighbours that follow a gallery as images come and go.

Every list holds a few neighbours more than are asked for. Where a listed image goes, the list gets shorter and is still
that of the nearest ones; where an image comes, it takes its place in the lists that it belongs to. Only lists that
have become too short are made anew. What comes out is, number for number, what learning from scratch gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings
from util.rerank._folder import Arrays
from util.rerank._largest import NOTHING, by_row, columns_of, keys_of, values_of
from util.rerank._neighbours import TILE, nearest_neighbours, neighbours_of_rows, whole_tiles

_MERGED = 4096  # lists changed at a time
_COSINES = 32_000_000  # to newcomers, held at once: 128 MB


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourLists:
    """The nearest other images of each image, most similar first, equal cosines by row.

    Attributes:
        rows: int32 (N, L), −1 behind the end of a list.
        cosines: float32 (N, L), not a number behind the end.
    """

    rows: NDArray[np.int32]
    cosines: NDArray[np.float32]

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """What ``to_arrays`` made."""
        return cls(arrays["rows"], arrays["cosines"])

    def to_arrays(self) -> Arrays:
        """As plain arrays, to be remembered."""
        return {"rows": self.rows, "cosines": self.cosines}

    @property
    def width(self) -> int:
        """How many neighbours a list has at most."""
        return int(self.rows.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many neighbours each list has, int64 (N,)."""
        return np.asarray(np.count_nonzero(self.rows >= 0, axis=1))

    def shortened(self, width: int) -> NeighbourLists:
        """The same without what is behind the first neighbours."""
        return NeighbourLists(np.ascontiguousarray(self.rows[:, :width]), np.ascontiguousarray(self.cosines[:, :width]))


def list_neighbours(vectors: Embeddings, width: int) -> NeighbourLists:
    """Lists made from nothing.

    Args:
        vectors: float32 (N, D), unit rows or zeros.
        width: how many neighbours each list is to have; all others, where there are fewer.
    """
    return NeighbourLists(*nearest_neighbours(vectors, width))


def follow(
    lists: NeighbourLists, kept: NDArray[np.integer], now: NDArray[np.integer], vectors: Embeddings, *, least: int
) -> NeighbourLists:
    """The lists of a gallery of which some images went, and to which others came.

    Args:
        lists: of M images, as they were.
        kept: rows of those that stayed, among the M, rising.
        now: their rows in the gallery as it is, rising too, as many.
        vectors: float32 (N, D) of the gallery as it is; those of the images that stayed have not changed.
        least: how many neighbours every list has to have; all others, where there are fewer.

    Returns:
        Lists of the N images.
    """
    n, width = len(vectors), min(lists.width, max(len(vectors) - 1, 0))
    came = np.setdiff1d(np.arange(n), now)
    place = np.full(len(lists.rows), -1)
    place[kept] = now
    followed = NeighbourLists(np.full((n, width), -1, np.int32), np.full((n, width), np.nan, np.float32))
    newcomers = whole_tiles(vectors[came])
    for some in _blocks(len(kept), len(newcomers)):
        keys = _of_those_that_stayed(lists, kept[some], place)
        if len(came) and width:
            keys = _joined_by(keys, came, whole_tiles(vectors[now[some]]) @ newcomers.T)
        followed.rows[now[some]], followed.cosines[now[some]] = columns_of(keys[:, :width]), values_of(keys[:, :width])
    short = np.flatnonzero(followed.lengths < min(least, width))  # those of the newcomers are empty yet
    followed.rows[short], followed.cosines[short] = neighbours_of_rows(vectors, short, width)
    return followed


def _blocks(count: int, newcomers: int) -> Iterator[slice]:
    """Parts of the lists of which both the lists and the cosines to all newcomers fit into memory well."""
    size = max(TILE, min(_MERGED, _COSINES // max(newcomers, 1)) // TILE * TILE)
    return (slice(start, start + size) for start in range(0, count, size))


def _of_those_that_stayed(
    lists: NeighbourLists, some: NDArray[np.integer], place: NDArray[np.integer]
) -> NDArray[np.uint64]:
    """Keys of some lists by present rows, rising: uint64 (B, L), ``NOTHING`` behind the end of a list."""
    rows = lists.rows[some]
    present = np.where(rows >= 0, place[rows], -1)
    keys = np.where(present >= 0, keys_of(lists.cosines[some], present), NOTHING)
    keys.sort(axis=1)
    return keys


def _joined_by(
    keys: NDArray[np.uint64], newcomers: NDArray[np.integer], cosines: NDArray[np.float32]
) -> NDArray[np.uint64]:
    """Lists with newcomers in their places, as long as before: what comes behind their last one nobody knows.

    Args:
        keys: uint64 (B, L), rising.
        newcomers: A rows.
        cosines: float32, at least (B, A), of the lists' images to the newcomers.
    """
    lengths = np.count_nonzero(keys != NOTHING, axis=1)
    last = values_of(np.take_along_axis(keys, np.maximum(lengths - 1, 0)[:, None], axis=1))  # none: not a number
    rows, columns = np.nonzero(cosines[: len(keys), : len(newcomers)] >= last)
    joining = by_row(keys_of(cosines[rows, columns], newcomers[columns]), rows, len(keys))
    merged = np.concatenate([keys, joining], axis=1)
    merged.sort(axis=1)
    merged[np.arange(merged.shape[1]) >= lengths[:, None]] = NOTHING
    return merged
