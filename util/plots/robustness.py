"""Accuracy against the strength of disturbances, systems side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from util.errors import InvalidInputError
from util.evaluation.robustness import RobustnessCurve
from util.plots.style import DIFFERENT, INK, RIGHT, SAME, SMALL_SIZE, new_figure, quiet

_COLOURS = (SAME, DIFFERENT, RIGHT, "#cc79a7", "#e69f00", "#56b4e9")
_LineStyle = Literal["-", "--", "-.", ":"]
_STYLES: tuple[_LineStyle, ...] = ("-", "--", "-.", ":")
_COLUMNS = 3


def plot_robustness(
    systems: Mapping[str, Sequence[RobustnessCurve]], *, title: str = "Right item first, by strength of a disturbance"
) -> Figure:
    """One panel a disturbance, one line a system, with its 95 % interval as a band.

    Args:
        systems: curves of each system by its name (``robustness.measure_by_strength``); they need not have the same
            disturbances.
        title: of the figure.

    Raises:
        InvalidInputError: if there is no curve, or one has no point.
    """
    kinds = sorted({curve.disturbance for curves in systems.values() for curve in curves})
    if not kinds or not all(curve.points for curves in systems.values() for curve in curves):
        raise InvalidInputError("a robustness plot needs at least one curve, and each curve at least one point")
    columns = min(_COLUMNS, len(kinds))
    rows = math.ceil(len(kinds) / columns)
    figure = new_figure(0.6 + 3.0 * columns, 0.8 + 2.5 * rows)
    figure.suptitle(title, color=INK, x=0.01, ha="left", parse_math=False)
    for number, kind in enumerate(kinds):
        axes = figure.add_subplot(rows, columns, number + 1)
        last_row, first_column = number + columns >= len(kinds), number % columns == 0
        quiet(axes, title=kind, xlabel="strength" if last_row else "", ylabel="top-1" if first_column else "")
        _draw(axes, kind, systems)
        if number == 0 and len(systems) > 1:
            _name(axes, list(systems))
    return figure


def _draw(axes: Axes, kind: str, systems: Mapping[str, Sequence[RobustnessCurve]]) -> None:
    for number, curves in enumerate(systems.values()):
        colour, style = _look(number)
        for curve in curves:
            if curve.disturbance == kind:
                strengths = [point.strength for point in curve.points]
                accuracy = [point.accuracy for point in curve.points]
                low, high = zip(*(point.ci95 for point in curve.points), strict=True)
                axes.fill_between(strengths, low, high, color=colour, alpha=0.12, linewidth=0)
                axes.plot(strengths, accuracy, style, color=colour, linewidth=2, marker="o", markersize=4)
    axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _name(axes: Axes, names: Sequence[str]) -> None:
    """A legend of all systems, also of those without a line in this panel."""
    looks = [_look(number) for number in range(len(names))]
    lines = [Line2D([], [], color=colour, linestyle=style, linewidth=2) for colour, style in looks]
    legend = axes.legend(lines, names, loc="lower left", frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _look(number: int) -> tuple[str, _LineStyle]:
    """Colour and line style of a system."""
    return _COLOURS[number % len(_COLOURS)], _STYLES[number // len(_COLOURS) % len(_STYLES)]
