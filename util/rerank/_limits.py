"""Options out of range are refused in one wording."""

from __future__ import annotations

import math

from util.errors import InvalidInputError


def require_at_least(least: float, **options: float) -> None:
    """Refuses numbers below a limit, and what is no finite number.

    >>> require_at_least(1, n=0)
    Traceback (most recent call last):
    ...
    util.errors.InvalidInputError: n must be at least 1, not 0
    """
    for name, value in options.items():
        if not math.isfinite(value) or value < least:
            raise InvalidInputError(f"{name} must be at least {least}, not {value}")


def require_share(**options: float) -> None:
    """Refuses numbers outside [0, 1]."""
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise InvalidInputError(f"{name} lies between 0 and 1, not at {value}")
