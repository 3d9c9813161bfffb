"""The nearest neighbours of every gallery image: what all re-rankers that use the whole gallery rest on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK_NUMBERS = 32_000_000  # cosines held at once: 128 MB


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
    n = len(vectors)
    kept = max(min(k, n - 1), 0)
    rows = np.empty((n, kept), dtype=np.int32)
    cosines = np.empty((n, kept), dtype=np.float32)
    if kept == 0:
        return rows, cosines
    for start, block in _similarity_blocks(vectors):
        rows[start : start + len(block)], cosines[start : start + len(block)] = largest(block, kept)
    return rows, cosines


def _similarity_blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cosines of some rows at a time to all, −∞ to themselves: first row, (B, N)."""
    n = len(vectors)
    size = max(1, _BLOCK_NUMBERS // n)
    for start in range(0, n, size):
        block = vectors[start : start + size] @ vectors.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        yield start, block


def largest(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k largest numbers of each row, falling, equal ones by column.

    Args:
        values: float32 (B, N).
        k: from 1 to N.

    Returns:
        int32 columns (B, k) and the numbers (B, k).
    """
    columns = np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:]
    columns.sort(axis=1)
    found = np.take_along_axis(values, columns, axis=1)
    _settle_ties(values, columns, found)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1).astype(np.int32), np.take_along_axis(found, order, axis=1)


def _settle_ties(values: NDArray[np.float32], columns: NDArray[np.intp], found: NDArray[np.float32]) -> None:
    """Of numbers that equal the smallest one taken, takes those of the lowest columns, as partitioning does not."""
    smallest = found.min(axis=1)
    taken = np.count_nonzero(found == smallest[:, None], axis=1)
    for row in np.flatnonzero(np.count_nonzero(values == smallest[:, None], axis=1) > taken):
        above = np.flatnonzero(values[row] > smallest[row])
        equal = np.flatnonzero(values[row] == smallest[row])[: columns.shape[1] - len(above)]
        columns[row] = np.sort(np.concatenate([above, equal]))
        found[row] = values[row, columns[row]]
