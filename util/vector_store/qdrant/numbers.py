"""Numbers as Qdrant can compare them without error.

Qdrant compares numbers as float64 and keeps payloads as JSON, whose parser may be off by one unit in the last place
each time it reads a fraction (https://github.com/serde-rs/json/issues/937). Metadata holds every float64 and integers
of 64 bits. So a number is kept as two whole numbers below 2⁵³, which survive both.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

_SIGN = 1 << 63
_EVERY_BIT = (1 << 64) - 1
_HALF = 32
_BELOW_A_FLOAT = 11  # bits: integers of 64 bits are less than 2¹¹ above the float below them


class Parts(NamedTuple):
    """A number as two whole numbers. Pairs order as the numbers do, and equal ones are equal.

    Attributes:
        high: the upper half of the number's key, below 2³².
        low: the lower half, below 2⁴³.
    """

    high: int
    low: int


def parts(number: int | float) -> Parts:
    """The two parts of a number.

    The bits of a float64, with the sign bit turned and those of negative numbers complemented, order as the floats
    do. An integer between two floats has the bits of the lower one, and what it is above that.

    >>> parts(0), parts(1999), parts(1999.0)
    (Parts(high=2147483648, low=0), Parts(high=3231661056, low=0), Parts(high=3231661056, low=0))
    >>> parts(2**53) < parts(2**53 + 1) < parts(2**53 + 2)
    True

    Args:
        number: a finite float, or an integer of 64 bits.
    """
    below = float(number)
    if below > number:
        below = math.nextafter(below, -math.inf)
    above = 0 if isinstance(number, float) else number - int(below)
    (bits,) = struct.unpack("<Q", struct.pack("<d", below + 0.0))  # -0 is 0
    key = ~bits & _EVERY_BIT if bits & _SIGN else bits | _SIGN
    high, low = key >> _HALF, key & (1 << _HALF) - 1
    return Parts(high, (low << _BELOW_A_FLOAT) + above)


def canonical(number: int | float) -> int | float:
    """The same for all numbers that are equal: a whole number is an ``int``.

    >>> canonical(7.0), canonical(0.5)
    (7, 0.5)
    """
    return int(number) if isinstance(number, float) and number.is_integer() else number
