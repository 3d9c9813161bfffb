"""Numbers as Qdrant can compare them without error.

Qdrant compares numbers as float64 and reads them by a parser that may be off by one unit in the last place
(https://github.com/serde-rs/json/issues/937). Metadata holds integers of 64 bits and every float64, so a number is
kept in two parts that survive both: a leading part of 24 bits and the exact remainder.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

_BITS = 24


class Parts(NamedTuple):
    """A number as ``leading + remainder``, exactly; numbers order as these pairs do.

    Attributes:
        leading: the number cut off after 24 significant bits.
        remainder: what that leaves, of the sign of the number or 0.
    """

    leading: float
    remainder: float


def parts(number: int | float) -> Parts:
    """The two parts of a number.

    >>> parts(1999), parts(0.1)
    (Parts(leading=1999.0, remainder=0.0), Parts(leading=0.09999999403953552, remainder=5.960464483090178e-09))
    >>> parts(-(2**60) - 1)
    Parts(leading=-1.152921504606847e+18, remainder=-1.0)

    Args:
        number: a finite float, or an integer of 64 bits.
    """
    if isinstance(number, float):
        mantissa, exponent = math.frexp(number)
        leading = math.ldexp(math.trunc(math.ldexp(mantissa, _BITS)), exponent - _BITS)
        return Parts(leading, number - leading)
    shift = max(0, number.bit_length() - _BITS)
    cut_off = math.copysign(abs(number) >> shift << shift, number)
    return Parts(cut_off, float(number - int(cut_off)))


LARGEST = parts(sys.float_info.max).leading
"""No number has a larger leading part."""


def canonical(number: int | float) -> int | float:
    """The same for all numbers that are equal: a whole number is an ``int``.

    >>> canonical(7.0), canonical(0.5)
    (7, 0.5)
    """
    return int(number) if isinstance(number, float) and number.is_integer() else number
