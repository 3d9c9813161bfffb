"""The few largest of many numbers, row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_GROUPED = 64  # numbers of which only the largest is looked at first
_LAST = np.uint64(2**64 - 1)


def largest(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k largest numbers of each row, falling, equal ones by column.

    Partitioning whole rows would take longer than computing the cosines in them. So each row is cut into groups first:
    its k-th largest number is at least the k-th largest of the groups' maxima, which few numbers reach.

    Args:
        values: float32 (B, N), no NaN among them.
        k: from 1 to N.

    Returns:
        int32 columns (B, k) and the numbers (B, k).

    >>> largest(np.array([[1, 3, 2, 3]], np.float32), 3)[0]
    array([[1, 3, 2]], dtype=int32)
    """
    flat = np.flatnonzero(values >= _least(values, k)[:, None])  # much faster than asking for rows and columns
    bounds = np.searchsorted(flat, np.arange(len(values) + 1) * values.shape[1])
    counts = np.diff(bounds)
    rows = np.repeat(np.arange(len(values)), counts)
    columns = flat - rows * values.shape[1]
    keys = np.full((len(values), counts.max(initial=k)), _LAST)
    keys[rows, np.arange(len(flat)) - bounds[rows]] = _keys(values[rows, columns], columns)
    keys.sort(axis=1)
    chosen = (keys[:, :k] & np.uint64(0xFFFFFFFF)).astype(np.int32)
    return chosen, np.take_along_axis(values, chosen, axis=1)


def _least(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A number for each row that at least k of the row reach, and not many more: float32 (B,)."""
    rows, columns = values.shape
    grouped = min(_MOST_GROUPED, columns // (2 * k))
    if grouped < 2:
        return np.partition(values, columns - k, axis=1)[:, columns - k]
    # Groups take every so many-th column: neighbours in a gallery are often alike, and would share a group.
    width = columns // grouped
    maxima = values[:, : grouped * width].reshape(rows, grouped, width).max(axis=1)
    return np.partition(maxima, width - k, axis=1)[:, width - k]


def _keys(values: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Whole numbers that rise where the numbers fall, and with the column where they are equal."""
    bits = (values + np.float32(0)).view(np.uint32)  # −0 becomes 0, which it is equal to
    falling = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF))
    return (falling.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64)
