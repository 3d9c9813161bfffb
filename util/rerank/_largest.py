"""The few largest of many numbers, row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_GROUPED = 64  # numbers of which only the largest is looked at first
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint32(1 << 31)

NOTHING = np.uint64(2**64 - 1)
"""A key behind all others."""


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
    rows, columns = np.divmod(flat, values.shape[1])
    keys = by_row(keys_of(values[rows, columns], columns), rows, len(values))
    keys.sort(axis=1)
    return columns_of(keys[:, :k]), values_of(keys[:, :k])


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


def keys_of(values: NDArray[np.float32], columns: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Whole numbers that rise where the numbers fall, and with the column where they are equal."""
    bits = (values + np.float32(0)).view(np.uint32)  # −0 becomes 0, which it is equal to
    falling = np.where(bits >= _SIGN, bits, ~bits & ~_SIGN)
    return (falling.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64)


def columns_of(keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The columns that keys were made of; −1 for ``NOTHING``."""
    return (keys & _LOW).astype(np.uint32).view(np.int32)


def values_of(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The numbers that keys were made of; not a number for ``NOTHING``."""
    falling = (keys >> np.uint64(32)).astype(np.uint32)
    return np.where(falling >= _SIGN, falling, ~falling & ~_SIGN).view(np.float32)


def by_row(keys: NDArray[np.uint64], rows: NDArray[np.integer], count: int) -> NDArray[np.uint64]:
    """Keys side by side in their rows.

    Args:
        keys: uint64 (Z,).
        rows: the row of each, rising.
        count: how many rows there are.

    Returns:
        uint64 (count, W), W being the most that a row has, and ``NOTHING`` behind the keys of the others.
    """
    bounds = np.searchsorted(rows, np.arange(count + 1))
    table = np.full((count, int(np.diff(bounds).max(initial=0))), NOTHING)
    table[rows, np.arange(len(rows)) - bounds[rows]] = keys
    return table
