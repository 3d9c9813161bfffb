"""Own item against look-alike: how much higher does a photo score with its own item than with the nearest other one?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from util.errors import InvalidInputError
from util.evaluation.intervals import bootstrap_interval
from util.plots.style import DIFFERENT, INK, MUTED, SAME, SMALL_SIZE, TEXT_SIZE, new_figure, quiet

_TRIALS = 2


def plot_margins(
    names: Sequence[str],
    own: Sequence[ArrayLike],
    look_alike: Sequence[ArrayLike],
    *,
    groups: Sequence[object] | None = None,
    title: str = "Own item against its nearest look-alike",
) -> Figure:
    """One row a system: left both mean scores, right the margin between them with its 95 % interval.

    A system that makes everything more alike moves both points to the right and gains nothing; only the margin tells
    items apart. Left of zero the look-alike scores higher on average.

    Args:
        names: of the S systems.
        own: for each system Q scores, of the best photo of each query's own item
            (``util.evaluation.trials.open_set_trials``: ``known``).
        look_alike: for each system Q scores, of the best photo of any other item (``unknown``).
        groups: Q values, what queries share, such as their item: the interval then draws whole groups.
        title: of the figure.

    Raises:
        InvalidInputError: if there is no system or no query, the lengths differ or a score is not finite.
    """
    scores = _checked(names, own, look_alike)
    figure = new_figure(9.5, 1.5 + 0.45 * len(names))
    figure.suptitle(title, color=INK, x=0.01, ha="left", parse_math=False)
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(names))
    _draw_scores(left, places, scores.mean(axis=2))
    _draw_margins(right, places, scores[:, 0] - scores[:, 1], groups)
    left.set_yticks(places, labels=names, fontsize=TEXT_SIZE, color=INK, parse_math=False)
    left.set_ylim(len(names) - 0.4, -0.6)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def _checked(names: Sequence[str], own: Sequence[ArrayLike], look_alike: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """The scores (S, 2, Q), those of the own item first."""
    rows = [np.asarray(row, dtype=np.float64) for row in (*own, *look_alike)]
    if not names or not len(names) == len(own) == len(look_alike):
        raise InvalidInputError(
            "give as many names as rows of own and of look-alike scores, "
            f"got {len(names)}, {len(own)} and {len(look_alike)}"
        )
    if rows[0].ndim != 1 or not rows[0].size or {row.shape for row in rows} != {rows[0].shape}:
        raise InvalidInputError(f"every row needs a score for each query, got {[row.shape for row in rows]}")
    scores = np.stack(rows).reshape(_TRIALS, len(names), -1).swapaxes(0, 1)
    if not np.isfinite(scores).all():
        raise InvalidInputError(
            "a score is not a finite number: search as deep as the gallery, so that none is cut off"
        )
    return scores


def _draw_scores(axes: Axes, places: NDArray[np.intp], means: NDArray[np.float64]) -> None:
    quiet(axes, xlabel="mean score (cosine similarity)")
    axes.hlines(places, means[:, 0], means[:, 1], color=MUTED, linewidth=1.2)
    axes.plot(means[:, 0], places, "o", color=SAME, markersize=7, label="own item")
    axes.plot(means[:, 1], places, "X", color=DIFFERENT, markersize=7, label="nearest look-alike")
    axes.margins(x=0.1)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=SMALL_SIZE, labelcolor=INK,
        borderaxespad=0.1,
    )  # fmt: skip


def _draw_margins(
    axes: Axes, places: NDArray[np.intp], margins: NDArray[np.float64], groups: Sequence[object] | None
) -> None:
    quiet(axes, xlabel="margin: own item minus look-alike")
    axes.axvline(0, color=MUTED, linewidth=1, linestyle="--")
    low, high = np.array([bootstrap_interval(row, groups=groups) for row in margins]).T
    axes.hlines(places, low, high, color=SAME, linewidth=2)
    axes.plot(margins.mean(axis=1), places, "o", color=SAME, markersize=5)
    for place, row in zip(places, margins, strict=True):
        axes.annotate(
            f"own item first: {np.mean(row > 0):.0%}",
            (1.02, float(place)),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL_SIZE,
            color=INK,
        )
    reach = max(float(np.abs([low, high]).max()), 1e-9)
    axes.set_xlim(min(float(low.min()), 0) - 0.1 * reach, max(float(high.max()), 0) + 0.1 * reach)
