"""Recall against queries per second, a line for each search index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from util.errors import InvalidInputError
from util.plots.style import BAND, DIFFERENT, GRID, INK, MUTED, RIGHT, SAME, SMALL_SIZE, new_figure, quiet

Point = tuple[float, float]
"""Recall in [0, 1] and queries per second."""

# The last three of Okabe and Ito's eight; black is for text.
_COLOURS = (SAME, DIFFERENT, RIGHT, BAND, "#cc79a7", "#e69f00", MUTED)
_MARKERS = "osD^vPX<>*"


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both recall and speed, by rising recall.

    >>> pareto_front([(0.5, 900.0), (0.9, 400.0), (0.8, 300.0), (0.99, 100.0), (0.9, 350.0)])
    [(0.5, 900.0), (0.9, 400.0), (0.99, 100.0)]
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (-point[0], -point[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front[::-1]


def plot_recall_and_speed(
    curves: Mapping[str, Sequence[Point]], *, title: str = "Recall and speed", wanted: float | None = None
) -> Figure:
    """The fronts of several indexes: the good ones lie right (they find nearly all) and high (they answer quickly).

    The way of ann-benchmarks (Aumüller, Bernhardsson, Faithfull 2020); speed is drawn logarithmically.

    Args:
        curves: name of each index, and a point for each effort it was asked to search with.
        title: of the figure.
        wanted: a recall to mark.

    Raises:
        InvalidInputError: if there is no curve or point, a recall lies outside [0, 1] or a speed is not above 0.
    """
    every = np.array([point for points in curves.values() for point in points], dtype=np.float64).reshape(-1, 2)
    if not len(every) or not all(curves.values()):
        raise InvalidInputError("give at least one index, and each with at least one point of recall and speed")
    if not (np.all((every[:, 0] >= 0) & (every[:, 0] <= 1)) and np.all(every[:, 1] > 0) and np.isfinite(every).all()):
        raise InvalidInputError("recall lies in [0, 1], and queries per second above 0")
    figure = new_figure(8.5, 4.8)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel="recall@10", ylabel="queries per second (logarithmic)")
    if wanted is not None:
        axes.axvline(wanted, color=GRID, linewidth=1.6)
    for (name, points), colour, marker in zip(curves.items(), cycle(_COLOURS), cycle(_MARKERS), strict=False):
        recall, speed = zip(*pareto_front(points), strict=True)
        axes.plot(recall, speed, color=colour, marker=marker, markersize=5, linewidth=1.4, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # small sets span less than a power of ten
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure
