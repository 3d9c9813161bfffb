"""Systems side by side, with how sure their numbers are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval
from util.plots.style import INK, SAME, SMALL_SIZE, TEXT_SIZE, new_figure, quiet


def bar_with_intervals(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[Interval], *, title: str = "", xlabel: str = ""
) -> Figure:
    """One bar a system, in the order given, with its confidence interval as a line.

    Two systems whose intervals overlap widely are not told apart by these photos.

    Args:
        names: of the systems.
        values: shares in [0, 1]; NaN draws no bar.
        intervals: lower and upper end for each.
        title: of the figure.
        xlabel: what the shares are.

    Raises:
        InvalidInputError: if there is no system, the lengths differ, or a value lies outside of its interval.
    """
    _check(names, values, intervals)
    figure = new_figure(7.0, 1.1 + 0.42 * len(names))
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel=xlabel)
    axes.grid(visible=False, axis="y")
    places = np.arange(len(names))
    axes.barh(places, np.nan_to_num(values), height=0.62, color=SAME, alpha=0.35)
    ends = np.array(intervals, dtype=np.float64)
    axes.hlines(places, ends[:, 0], ends[:, 1], color=SAME, linewidth=2)
    axes.plot(values, places, linestyle="", marker="o", markersize=5, color=SAME)
    for place, value, (_, high) in zip(places, values, intervals, strict=True):
        text = "–" if np.isnan(value) else f"{value:.1%}"
        axes.annotate(
            text,
            (0.0 if np.isnan(high) else high, place),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_SIZE,
            color=INK,
        )
    axes.set_yticks(places, labels=names, fontsize=TEXT_SIZE, color=INK, parse_math=False)
    axes.set(xlim=(0, 1.08), ylim=(len(names) - 0.4, -0.6))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def _check(names: Sequence[str], values: Sequence[float], intervals: Sequence[Interval]) -> None:
    if not names or not len(names) == len(values) == len(intervals):
        raise InvalidInputError(
            "a comparison needs as many names as values and intervals, "
            f"got {len(names)}, {len(values)} and {len(intervals)}"
        )
    for name, value, (low, high) in zip(names, values, intervals, strict=True):
        if low > value or value > high:
            raise InvalidInputError(f"{name!r}: the value {value} lies outside of its interval {low} to {high}")
