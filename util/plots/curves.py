"""Curves: ROC, DET and recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from scipy.special import ndtri

from util.errors import InvalidInputError
from util.evaluation.open_set import Roc
from util.plots.style import DIFFERENT, GRID, INK, MUTED, SAME, SMALL_SIZE, TEXT_SIZE, new_figure, quiet

_DET_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)


def plot_roc(
    roc: Roc,
    *,
    area: float | None = None,
    marked: Sequence[float] = (0.01, 0.1),
    operating_point: tuple[float, float] | None = None,
    title: str = "Known or new? ROC",
) -> Figure:
    """True-accept rate against false-accept rate.

    Args:
        roc: the curve.
        area: the AUROC, written into the figure.
        marked: false-accept rates at which the curve is marked and its true-accept rate written out.
        operating_point: false-accept and true-accept rate of the threshold in use.
        title: of the figure.
    """
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel="unknown items accepted (FAR)", ylabel="known items accepted (TAR)")
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1, linestyle="--")
    axes.plot(roc.far, roc.tar, color=SAME, linewidth=2)
    axes.fill_between(roc.far, roc.tar, color=SAME, alpha=0.08, linewidth=0)
    for far in marked:
        tar = float(roc.tar[np.searchsorted(roc.far, far, side="right") - 1])
        axes.plot(far, tar, "o", markersize=5, color=SAME, clip_on=False, label=f"TAR {tar:.1%} at FAR {far:.0%}")
    if operating_point is not None:
        axes.plot(*operating_point, "D", markersize=6, color=DIFFERENT, clip_on=False, label="threshold in use")
    _explain(axes, area)
    axes.set(xlim=(0, 1), ylim=(0, 1.001))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def _explain(axes: Axes, area: float | None) -> None:
    """A legend in the corner that the curve is not in."""
    below_chance = area is not None and area < 0.5
    legend = axes.legend(
        loc="upper left" if below_chance else "lower right",
        title="" if area is None else f"AUROC {area:.3f}",
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=INK,
        alignment="left",
    )
    legend.get_title().set(color=INK, fontsize=TEXT_SIZE)


def plot_det(roc: Roc, *, title: str = "Known or new? DET") -> Figure:
    """False-reject rate against false-accept rate on normal-deviate axes (Martin et al., Eurospeech 1997).

    Where both kinds of scores are normally distributed the curve is straight; lower left is better, and the corner that
    matters is wide open. Rates of exactly 0 or 1 have no place on these axes and are left out.
    """
    missed = 1 - roc.tar
    drawable = (roc.far > 0) & (roc.far < 1) & (missed > 0) & (missed < 1)
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel="unknown items accepted (FAR)", ylabel="known items refused (FRR)")
    axes.plot(ndtri(roc.far[drawable]), ndtri(missed[drawable]), color=SAME, linewidth=2)
    limits = (float(ndtri(_DET_TICKS[0])), float(ndtri(_DET_TICKS[-1])))
    axes.plot(limits, limits, color=GRID, linewidth=1, linestyle="--")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([float(ndtri(tick)) for tick in _DET_TICKS], labels=[f"{tick * 100:g}%" for tick in _DET_TICKS])
    axes.set(xlim=limits, ylim=limits)
    if not drawable.any():
        axes.text(0.5, 0.5, "the two kinds do not overlap", ha="center", color=MUTED, transform=axes.transAxes)
    return figure


def plot_recall(curves: Mapping[str, Sequence[float]], *, title: str = "Found among the first k") -> Figure:
    """Share of queries with a right image among the first k hits, for each system.

    Args:
        curves: for each name, the recall at k = 1, 2, …
        title: of the figure.

    Raises:
        InvalidInputError: if there is no curve.
    """
    if not curves or not all(len(curve) for curve in curves.values()):
        raise InvalidInputError("a recall plot needs at least one curve with at least one value")
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel="k", ylabel="queries with a right image (recall@k)")
    colours = (SAME, DIFFERENT, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
    styles = ("-", "--", "-.", ":")
    for number, (name, curve) in enumerate(curves.items()):
        places = np.arange(1, len(curve) + 1)
        axes.plot(
            places,
            curve,
            color=colours[number % len(colours)],
            linestyle=styles[number // len(colours) % len(styles)],
            linewidth=2,
            marker="o" if len(curve) <= 12 else "",
            markersize=4,
            label=name,
        )
    if len(curves) > 1:
        axes.legend(loc="lower right", frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    axes.set(ylim=(0, 1.02), xlim=(1, max(2, *(len(curve) for curve in curves.values()))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure
