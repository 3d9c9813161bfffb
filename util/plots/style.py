"""One quiet look for all figures: colours that colour-blind people tell apart, thin lines, readable type.

Figures are ``matplotlib.figure.Figure`` objects made without pyplot: nothing is shown, no global state is touched, and
no display is needed. In a notebook the last expression of a cell shows itself; ``figure.savefig(path)`` writes it.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Blue, vermilion, green and sky blue of Okabe and Ito, "Color Universal Design", 2008.
SAME = "#0072b2"
DIFFERENT = "#d55e00"
RIGHT = "#009e73"
WRONG = DIFFERENT
BAND = "#56b4e9"
INK = "#1f2430"
MUTED = "#5b6472"
GRID = "#d9dde3"

TEXT_SIZE = 10.0
SMALL_SIZE = 8.5


def new_figure(width: float, height: float) -> Figure:
    """An empty figure on white.

    Args:
        width: in inches.
        height: in inches.
    """
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")


def quiet(axes: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: bool = True) -> None:
    """Takes the noise out of axes: no box, no tick marks, a faint grid behind the data; text is taken literally."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=MUTED, labelsize=SMALL_SIZE, length=0)
    if grid:
        axes.grid(color=GRID, linewidth=0.7)
    axes.set_xlabel(xlabel, color=MUTED, fontsize=TEXT_SIZE, parse_math=False)
    axes.set_ylabel(ylabel, color=MUTED, fontsize=TEXT_SIZE, parse_math=False)
    axes.set_title(title, color=INK, fontsize=TEXT_SIZE + 1, loc="left", parse_math=False)


def picture_axes(axes: Axes, *, frame: str | None = None) -> None:
    """Axes that hold a picture: no ticks, and a frame in a colour or none."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(frame is not None)
        if frame is not None:
            spine.set_color(frame)
            spine.set_linewidth(3)
