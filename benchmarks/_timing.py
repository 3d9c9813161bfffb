"""Timing that is fair to those compared: turn by turn, so that what slows the machine slows all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Timed = Mapping[str, float]


def turn_by_turn(calls: Mapping[str, Callable[[int], object]], *, repeats: int, warm_up: int = 3) -> dict[str, Timed]:
    """Median and quartiles of some calls in milliseconds.

    Args:
        calls: what to time, by name; each is given the number of the repeat, to choose its input by.
        repeats: how often each is called.
        warm_up: calls before that are not timed.
    """
    for number in range(warm_up):
        for call in calls.values():
            call(number)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call(number)
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: summary(taken) for name, taken in times.items()}


def summary(milliseconds: list[float]) -> Timed:
    """Median, quartiles and fastest of some times."""
    low, middle, high = statistics.quantiles(milliseconds, n=4) if len(milliseconds) > 1 else milliseconds * 3
    return {
        "median_ms": round(middle, 3),
        "iqr_ms": [round(low, 3), round(high, 3)],
        "fastest_ms": round(min(milliseconds), 3),
        "repeats": len(milliseconds),
    }


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return round(time.perf_counter() - started, 3)
