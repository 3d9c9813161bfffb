"""Histograms of scores: where do same and different items score, and where does the threshold lie between them?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from util.evaluation.histogram import ScoreHistogram
from util.plots.style import BAND, DIFFERENT, INK, SAME, SMALL_SIZE, new_figure, quiet


def plot_scores(
    histogram: ScoreHistogram,
    *,
    threshold: float | None = None,
    lower: float | None = None,
    same: str = "own item",
    different: str = "other items",
    title: str = "Best score of each query",
) -> Figure:
    """Both histograms over each other, each in shares of its own scores, so that sizes do not hide shapes.

    Args:
        histogram: the counts.
        threshold: drawn as a line; scores from here on are known.
        lower: with a threshold, the band from here to there, in which the answer is unsure, is shaded.
        same: what the scores of the same item are called.
        different: what the scores of different items are called.
        title: of the figure.
    """
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    quiet(axes, title=title, xlabel="score (cosine similarity)", ylabel="share of scores")
    edges = np.asarray(histogram.edges)
    for counts, colour, name, hatch in (
        (histogram.different, DIFFERENT, different, "//"),
        (histogram.same, SAME, same, ""),
    ):
        shares = np.asarray(counts) / max(1, sum(counts))
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.3, linewidth=0, label=f"{name} ({sum(counts):,})")
        axes.stairs(shares, edges, color=colour, linewidth=1.5, hatch=hatch)
    if threshold is not None:
        if lower is not None and lower < threshold:
            axes.axvspan(lower, threshold, color=BAND, alpha=0.18, linewidth=0, label="unsure")
        axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label=f"threshold {threshold:.3f}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    # Below the axes, where it hides no bar.
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    return figure
