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

# Shares of far-away pixels shrink below what float32 holds at full precision, and processors take a hundred times as
# long over such (subnormal) numbers. Rates and shares below this are dropped before they are multiplied: next to the
# rate of being stopped, which is 1, they are nothing, and products of two that are kept stay in the normal range.
_NEGLIGIBLE = np.float32(1e-18)


@njit(**OPTIONS)
def drop_negligible(values: Row) -> None:
    """Puts 0 for numbers too small to matter."""
    for i in range(values.shape[0]):
        values[i] = values[i] if values[i] > _NEGLIGIBLE else np.float32(0)


@njit(**OPTIONS)
def copy(target: Row, source: Row) -> None:
    """``target[:] = source``, which numba does not vectorise, for all of the source."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@njit(**OPTIONS)
def copy_relevant(target: Row, source: Row) -> None:
    """Like ``copy``, with 0 for numbers too small to matter."""
    for i in range(source.shape[0]):
        target[i] = source[i] if source[i] > _NEGLIGIBLE else np.float32(0)


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
def add_eight(target: Row, factors: Row, rows: tuple[Row, Row, Row, Row, Row, Row, Row, Row]) -> None:
    """Adds eight rows times their factors in one pass: the target is read and written once, not eight times."""
    a, b, c, d, e, f, g, h = rows
    fa, fb, fc, fd = factors[0], factors[1], factors[2], factors[3]
    fe, ff, fg, fh = factors[4], factors[5], factors[6], factors[7]
    for i in range(target.shape[0]):
        left = fa * a[i] + fb * b[i] + fc * c[i] + fd * d[i]
        right = fe * e[i] + ff * f[i] + fg * g[i] + fh * h[i]
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
