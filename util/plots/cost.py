"""Accuracy against cost, systems side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from util.errors import InvalidInputError
from util.evaluation.intervals import Interval
from util.plots.style import INK, SAME, SMALL_SIZE, TEXT_SIZE, new_figure, quiet


def plot_accuracy_and_cost(
    names: Sequence[str],
    accuracy: Sequence[float],
    intervals: Sequence[Interval],
    cost: Sequence[float],
    *,
    title: str = "Accuracy against time",
    xlabel: str = "ms a query (logarithmic)",
    ylabel: str = "top-1",
) -> Figure:
    """One numbered point a system with its interval as a line: the good ones lie left (cheap) and high (accurate).

    Args:
        names: of the systems.
        accuracy: shares in [0, 1]; a system with NaN has no point.
        intervals: lower and upper end for each.
        cost: above 0, such as milliseconds a query.
        title: of the figure.
        xlabel: what the cost is.
        ylabel: what the shares are.

    Raises:
        InvalidInputError: if there is no system, the lengths differ, or a cost is not above 0.
    """
    if not names or not len(names) == len(accuracy) == len(intervals) == len(cost):
        raise InvalidInputError(
            "give as many names as accuracies, intervals and costs, "
            f"got {len(names)}, {len(accuracy)}, {len(intervals)} and {len(cost)}"
        )
    if not all(np.isfinite(value) and value > 0 for value in cost):
        raise InvalidInputError(f"a cost that is drawn logarithmically lies above 0, got {list(cost)}")
    figure = new_figure(8.5, 4.2)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel=xlabel, ylabel=ylabel)
    ends = np.array(intervals, dtype=np.float64)
    axes.vlines(cost, ends[:, 0], ends[:, 1], color=SAME, linewidth=2, alpha=0.35)
    axes.plot(cost, accuracy, linestyle="", marker="o", markersize=6, color=SAME)
    for number, (share, price) in enumerate(zip(accuracy, cost, strict=True), start=1):
        if np.isfinite(share):
            axes.annotate(
                str(number), (price, share), (5, 4), textcoords="offset points", fontsize=TEXT_SIZE, color=INK
            )
    _list(figure, names)
    axes.set_xscale("log")
    axes.set(xlim=(min(cost) / 1.6, max(cost) * 1.6), ylim=(0, 1.05))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def _list(figure: Figure, names: Sequence[str]) -> None:
    """Which number is whose, beside the axes: names at the points would cover each other."""
    entries = [f"{number}  {name}" for number, name in enumerate(names, start=1)]
    legend = figure.legend(
        [Line2D([], [], linestyle="") for _ in names],
        entries,
        loc="outside right upper",
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=INK,
        handlelength=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
