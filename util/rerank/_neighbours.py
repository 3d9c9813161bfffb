"""The nearest neighbours of every gallery image: what all re-rankers that use the whole gallery rest on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from util.rerank._largest import largest

TILE = 256  # rows whose cosines are computed at a time
_COLUMNS = 131_072  # images they are compared with at a time: 128 MB of cosines a thread
_MOST_THREADS = 4


def nearest_neighbours(vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k most similar *other* rows of each row, exactly; equal cosines by row.

    Args:
        vectors: float32 (N, D), unit rows or zeros.
        k: how many.

    Returns:
        int32 rows (N, K), most similar first, and their float32 cosines (N, K), with K = min(k, N − 1).

    >>> nearest_neighbours(np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32), 1)[0].ravel()
    array([1, 0, 1], dtype=int32)
    """
    return neighbours_of_rows(vectors, np.arange(len(vectors)), k)


def neighbours_of_rows(
    vectors: NDArray[np.float32], asked: NDArray[np.integer], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The same for some rows only; what it says of a row does not depend on which others are asked about.

    Args:
        vectors: float32 (N, D), unit rows or zeros.
        asked: A rows.
        k: how many.

    Returns:
        int32 rows (A, K), most similar first, and their float32 cosines (A, K), with K = min(k, N − 1).
    """
    kept = max(min(k, len(vectors) - 1), 0)
    rows = np.empty((len(asked), kept), dtype=np.int32)
    cosines = np.empty((len(asked), kept), dtype=np.float32)
    if rows.size == 0:
        return rows, cosines
    # BLAS rounds a number by where in a block it stands, and differently at the ragged edges of one: whole tiles make
    # the cosine of two images the same number whichever the gallery around them.
    padded = whole_tiles(vectors)

    def find(start: int) -> None:
        some = slice(start, start + TILE)
        rows[some], cosines[some] = _nearest(padded, len(vectors), asked[some], kept)

    # BLAS has threads of its own, but sorting out what it computed has not.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as pool:
        list(pool.map(find, range(0, len(asked), TILE)))
    return rows, cosines


def whole_tiles(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows with zeros behind them, up to a multiple of the tile."""
    missing = -len(rows) % TILE
    return np.concatenate([rows, np.zeros((missing, rows.shape[1]), np.float32)]) if missing else rows


def _nearest(
    padded: NDArray[np.float32], n: int, asked: NDArray[np.integer], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Neighbours of at most a tile of rows: part by part of the gallery, then the best of all parts."""
    tile = whole_tiles(padded[asked])
    found: list[tuple[NDArray[np.int32], NDArray[np.float32]]] = []
    for first in range(0, n, _COLUMNS):
        block = (tile @ padded[first : first + _COLUMNS].T)[: len(asked)]
        block[:, n - first :] = -np.inf
        inside = np.flatnonzero((asked >= first) & (asked < first + block.shape[1]))
        block[inside, asked[inside] - first] = -np.inf  # nobody is a neighbour of its own
        columns, cosines = largest(block, min(k, block.shape[1]))
        found.append((columns + np.int32(first), cosines))
    if len(found) == 1:
        return found[0]
    rows, cosines = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    places, cosines = largest(cosines, k)  # parts follow each other by row, so equal ones still stand in order
    return np.take_along_axis(rows, places, axis=1), cosines
