"""The confusion matrix as a map: the diagonal is right, everything beside it is a confusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.confusion import ConfusionMatrix
from util.plots.style import GRID, INK, MUTED, SAME, SMALL_SIZE, TEXT_SIZE, WRONG, new_figure, quiet

_NUMBERED = 30  # up to so many items a cell is wide enough for its count


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The part of a confusion matrix that is shown, one entry a cell that is not zero."""

    row_labels: list[str]
    column_labels: list[str]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    counts: NDArray[np.int64]
    shares: NDArray[np.float64]
    colours: list[str]

    @property
    def size(self) -> int:
        return max(len(self.row_labels), len(self.column_labels), 1)


def plot_confusion(matrix: ConfusionMatrix, *, max_items: int = 80, title: str | None = None) -> Figure:
    """A map of the confusion matrix: rows are true items, columns what they were taken for.

    A cell is as strong as its share of the row; right answers are blue, wrong ones vermilion, *unsure* grey. With more
    items than can be read, only the most often confused ones are shown, and the title says so.

    Args:
        matrix: the counts.
        max_items: how many items to show at most.
        title: replaces the title.

    Raises:
        InvalidInputError: if ``max_items`` is below 1.
    """
    if max_items < 1:
        raise InvalidInputError(f"a confusion map shows at least 1 item, not {max_items}")
    shown = _chosen(matrix, max_items)
    cells = _cells(matrix, shown)
    side = min(12.0, 3.0 + 0.3 * cells.size)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    quiet(axes, title=_title(matrix, shown) if title is None else title, grid=False)
    if not cells.row_labels:
        axes.text(0.5, 0.5, "nothing to compare", ha="center", color=MUTED, transform=axes.transAxes)
        return figure
    _label(axes, cells)
    _draw(axes, cells)
    return figure


def _title(matrix: ConfusionMatrix, shown: list[int]) -> str:
    if len(shown) == len(matrix.items):
        return "What is taken for what"
    return f"What is taken for what: the {len(shown)} of {len(matrix.items)} items most often confused"


def _chosen(matrix: ConfusionMatrix, max_items: int) -> list[int]:
    """The items to show, in their own order: all, or those with the most wrong answers for or instead of them."""
    n = len(matrix.items)
    if n <= max_items:
        return list(range(n))
    wrong = np.where((matrix.rows != matrix.columns) & (matrix.columns <= n), matrix.counts, 0)
    involved = np.bincount(matrix.rows, weights=wrong, minlength=n + 2)
    involved += np.bincount(matrix.columns, weights=wrong, minlength=n + 2)
    most = np.argsort(-involved[:n], kind="stable")[:max_items]
    return sorted(int(item) for item in most if involved[item] > 0) or list(range(max_items))


def _cells(matrix: ConfusionMatrix, shown: list[int]) -> _Cells:
    """The cells of some items; the row *new* and the columns *new* and *unsure* only where something is in them."""
    n = len(matrix.items)
    rows = [*shown, *([n] if np.any(matrix.rows == n) else [])]
    columns = [*shown, *(extra for extra in (n, n + 1) if np.any(matrix.columns == extra))]
    row_at, column_at = np.full(n + 1, -1), np.full(n + 2, -1)
    row_at[rows], column_at[columns] = np.arange(len(rows)), np.arange(len(columns))
    totals = np.bincount(matrix.rows, weights=matrix.counts, minlength=n + 1)
    visible = (row_at[matrix.rows] >= 0) & (column_at[matrix.columns] >= 0)
    true, answered, counts = matrix.rows[visible], matrix.columns[visible], matrix.counts[visible]
    return _Cells(
        row_labels=[matrix.row_labels[row] for row in rows],
        column_labels=[matrix.column_labels[column] for column in columns],
        rows=row_at[true],
        columns=column_at[answered],
        counts=counts,
        shares=counts / totals[true],
        colours=np.where(answered == n + 1, MUTED, np.where(true == answered, SAME, WRONG)).tolist(),
    )


def _label(axes: Axes, cells: _Cells) -> None:
    text = float(np.clip(560 / cells.size, 6.0, SMALL_SIZE))
    axes.set_xticks(
        range(len(cells.column_labels)), labels=cells.column_labels, rotation=90, fontsize=text, parse_math=False
    )
    axes.set_yticks(range(len(cells.row_labels)), labels=cells.row_labels, fontsize=text, parse_math=False)
    axes.set_xlabel("taken for", color=MUTED, fontsize=TEXT_SIZE)
    axes.set_ylabel("true item", color=MUTED, fontsize=TEXT_SIZE)


def _draw(axes: Axes, cells: _Cells) -> None:
    height, width = len(cells.row_labels), len(cells.column_labels)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    axes.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, color=GRID, linewidth=0.4)
    axes.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, color=GRID, linewidth=0.4)
    squares = [Rectangle((x - 0.5, y - 0.5), 1, 1) for x, y in zip(cells.columns, cells.rows, strict=True)]
    # Even a single confusion among many right answers must be seen, so no cell is fainter than a quarter.
    colours = [to_rgba(c, 0.25 + 0.75 * s) for c, s in zip(cells.colours, cells.shares.tolist(), strict=True)]
    axes.add_collection(PatchCollection(squares, facecolors=colours, edgecolors="none"))
    if cells.size > _NUMBERED:
        return
    for x, y, count, share in zip(cells.columns, cells.rows, cells.counts, cells.shares, strict=True):
        colour = "white" if share > 0.45 else INK
        axes.text(x, y, str(count), ha="center", va="center", fontsize=SMALL_SIZE, color=colour)
