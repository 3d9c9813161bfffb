"""How long answers took: a summary of timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from util.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Latency:
    """Timings of n answers, in milliseconds.

    Attributes:
        n: how many were timed.
        p50: the median.
        p95: 95 of 100 answers took no longer.
        mean: the mean.
    """

    n: int
    p50: float
    p95: float
    mean: float

    @classmethod
    def from_seconds(cls, seconds: Sequence[float]) -> Self:
        """Summary of timings given in seconds; percentiles are interpolated linearly between neighbours.

        Raises:
            InvalidInputError: if there are none, or one is negative or not finite.

        >>> Latency.from_seconds([0.010, 0.020, 0.030])
        Latency(n=3, p50=20.0, p95=29.0, mean=20.0)
        """
        timings = np.asarray(seconds, dtype=np.float64)
        if timings.ndim != 1 or timings.size == 0:
            raise InvalidInputError("a latency needs at least one timing, in seconds")
        if not np.all(np.isfinite(timings)) or np.any(timings < 0):
            raise InvalidInputError("timings are finite seconds, not negative")
        p50, p95 = np.round(np.percentile(timings * 1000, [50, 95]), 6).tolist()
        return cls(timings.size, p50, p95, round(float(timings.mean()) * 1000, 6))

    def to_json(self) -> dict[str, float]:
        """As a plain dictionary."""
        return asdict(self)
