"""The innermost loops, on contiguous rows of float32: each becomes a few vector instructions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Row: TypeAlias = NDArray[np.float32]

# Sums may be reordered and fused, which vectorising needs; NaN and infinity keep their meaning.
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}


@njit(**OPTIONS)
def add(target: Row, source: Row) -> None:
    """``target += source``."""
    for i in range(target.shape[0]):
        target[i] += source[i]


@njit(**OPTIONS)
def add_multiple(target: Row, factor: np.float32, source: Row) -> None:
    """``target += factor * source`` for one number."""
    for i in range(target.shape[0]):
        target[i] += factor * source[i]


@njit(**OPTIONS)
def add_products(target: Row, left: Row, right: Row) -> None:
    """``target += left * right``, element by element."""
    for i in range(target.shape[0]):
        target[i] += left[i] * right[i]


@njit(**OPTIONS)
def add_eight(target: Row, factors: Row, rows: Row) -> None:
    """Adds eight rows times their factors in one pass: the target is read and written once, not eight times."""
    fa, fb, fc, fd = factors[0], factors[1], factors[2], factors[3]
    fe, ff, fg, fh = factors[4], factors[5], factors[6], factors[7]
    for i in range(target.shape[0]):
        left = fa * rows[0, i] + fb * rows[1, i] + fc * rows[2, i] + fd * rows[3, i]
        right = fe * rows[4, i] + ff * rows[5, i] + fg * rows[6, i] + fh * rows[7, i]
        target[i] += left + right


@njit(**OPTIONS)
def scale(values: Row, factors: Row) -> None:
    """``values *= factors``, element by element."""
    for i in range(values.shape[0]):
        values[i] *= factors[i]


@njit(**OPTIONS)
def reciprocal(values: Row) -> None:
    """``values = 1 / values``."""
    for i in range(values.shape[0]):
        values[i] = 1 / values[i]


@njit(**OPTIONS)
def normalise(row: Row) -> None:
    """Divides a row by the sum of all but its last number: rates become shares, and the pay stays in proportion."""
    total = np.float32(0)
    for i in range(row.shape[0] - 1):
        total += row[i]
    total = 1 / total
    for i in range(row.shape[0]):
        row[i] *= total


@njit(**OPTIONS)
def dot(left: Row, right: Row) -> np.float32:
    """The sum of products."""
    total = np.float32(0)
    for i in range(left.shape[0]):
        total += left[i] * right[i]
    return total
