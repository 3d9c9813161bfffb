"""Ranges of numbers as sets of words, so that an index over words finds them.

Vearch's schema is fixed when a space is made, metadata is not: nobody knows then which fields will hold numbers. So a
number is written down as words at several precisions, and a range becomes the few words that cover it exactly: the
trie of Schindler and Diepenbroek, "Generic XML-based framework for metadata portals", Computers & Geosciences 34
(2008), known as Lucene's numeric range query.

Numbers are ordered as Python orders them, whole ones of 64 bits and floats mixed, without rounding: the key of a
number is the bits of the largest float that is not above it, made sortable, and how far above that float it lies.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from itertools import pairwise

from util.errors import InvalidInputError
from util.vector_store.filters import Range

Prefix = tuple[int, int]
"""A number without its lowest bits: how many were cut off, and what is left."""

# A whole number of 64 bits lies less than 2**10 above the largest float that is not above it.
_REST_BITS = 10
_KEY_BITS = 64 + _REST_BITS
# Up to here every whole number is a float, so that nothing lies between two floats.
_EXACT = 2**53
# Finer steps make fewer words a query, coarser ones fewer words an image: 11 a number, at most 63 a step and end.
_SHIFTS = tuple(range(_REST_BITS, _KEY_BITS, 6))
_LEVELS = (0, *_SHIFTS)


def prefixes(number: int | float) -> list[Prefix]:
    """What stands for a number, from the most to the least precise.

    >>> len(prefixes(1999)), prefixes(7) == prefixes(7.0), prefixes(0.0) == prefixes(-0.0)
    (11, True, True)
    """
    key = _key(number)
    return [(shift, key >> shift) for shift in (_SHIFTS if abs(number) < _EXACT else _LEVELS)]


def cover(bounds: Range) -> list[Prefix]:
    """The prefixes that the numbers within a range have, and no others.

    Exactly one of them is among the ``prefixes`` of each number inside.

    Raises:
        InvalidInputError: if an end is not a number.

    >>> inside = set(cover(Range(gte=1900, lt=1950)))
    >>> [len(inside.intersection(prefixes(year))) for year in (1899.9, 1900, 1949.9, 1950)]
    [0, 1, 1, 0]
    """
    ends = [_end(bounds.gte), _after(bounds.gt)], [_end(bounds.lt), _after(bounds.lte)]
    if any(math.isnan(end) for pair in ends for end in pair if end is not None):
        return []  # nothing compares with what is no number
    low = max([int(end) for end in ends[0] if end is not None], default=0)
    high = min([int(end) for end in ends[1] if end is not None], default=1 << _KEY_BITS)
    return list(_blocks(low, high))


def _blocks(low: int, high: int) -> Iterator[Prefix]:
    """Keys from ``low`` to below ``high`` as the largest blocks they fall into."""
    for shift, above in pairwise((*_LEVELS, _KEY_BITS + 1)):
        size, larger = 1 << shift, 1 << above
        while low < high and low % larger:
            yield shift, low >> shift
            low += size
        while low < high and high % larger:
            high -= size
            yield shift, high >> shift
        if above > _KEY_BITS and low < high:
            yield from ((shift, block) for block in range(low >> shift, high >> shift))


def _end(bound: float | None) -> int | float | None:
    return bound if bound is None or _is_nan(bound) else _key(bound)


def _after(bound: float | None) -> int | float | None:
    """The key behind that of a number."""
    if bound is None or _is_nan(bound):
        return bound
    key = _key(bound) + 1
    return -(-key >> _REST_BITS) << _REST_BITS if abs(bound) < _EXACT else key


def _is_nan(bound: object) -> bool:
    if not isinstance(bound, int | float):
        raise InvalidInputError(f"a range in a filter has numbers as its ends, not {bound!r}")
    return isinstance(bound, float) and math.isnan(bound)


def _key(number: int | float) -> int:
    """74 bits that are ordered as the numbers are."""
    try:
        below = float(number)
    except OverflowError:
        below = math.inf if number > 0 else -math.inf
    if isinstance(number, int) and math.isfinite(below) and int(below) > number:
        below = math.nextafter(below, -math.inf)
    # Numbers of more than 64 bits are only ever asked for: next to a stored float, any rest is more than none.
    rest = min(number - int(below), 2**_REST_BITS - 1) if isinstance(number, int) and math.isfinite(below) else 0
    (bits,) = struct.unpack(">Q", struct.pack(">d", below + 0.0))
    sortable = bits ^ (1 << 63) if bits < 1 << 63 else bits ^ ((1 << 64) - 1)
    return int(sortable << _REST_BITS) | rest
