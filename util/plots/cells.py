"""Why an approximate search misses: vectors of two numbers in their cells, and the cells that a query looks into."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.typing import MarkerType
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.plots.style import BAND, DIFFERENT, GRID, INK, MUTED, RIGHT, SMALL_SIZE, new_figure, picture_axes

_RASTER = 400  # places at which the cell is looked up, along each side
_MARGIN = 0.04  # of the width, around the points


def plot_cells(
    points: NDArray[np.floating],
    centres: NDArray[np.floating],
    query: NDArray[np.floating],
    *,
    probed: int,
    k: int = 10,
    title: str = "",
) -> Figure:
    """An inverted file in the plane: each point belongs to the nearest centre, and a query looks into few cells only.

    Shaded are the cells that are looked into; of the k points nearest to the query, those inside are found and the
    others missed. How an index of the kind ``ivf`` searches, by Euclidean distance.

    Args:
        points: (N, 2).
        centres: (L, 2).
        query: (2,).
        probed: how many cells are looked into, those of the nearest centres.
        k: how many nearest points are looked for.
        title: of the figure; how many were found is added to it.

    Raises:
        InvalidInputError: if the shapes do not fit or there are fewer points or centres than asked for.
    """
    points, centres, query = (np.asarray(array, dtype=np.float64) for array in (points, centres, query))
    _check(points, centres, query, probed, k)
    looked_into = np.argsort(_distances(centres, query[np.newaxis])[:, 0], kind="stable")[:probed]
    nearest = np.argsort(_distances(points, query[np.newaxis])[:, 0], kind="stable")[:k]
    inside = np.isin(_distances(points[nearest], centres).argmin(axis=1), looked_into)
    figure = new_figure(5.6, 4.6)
    axes = figure.add_subplot()
    picture_axes(axes)
    _draw_cells(axes, points, centres, looked_into)
    _draw(axes, points, MUTED, ".", size=10)
    _draw(axes, centres, INK, "+", size=40, label="centre of a cell")
    _draw(axes, points[nearest[inside]], RIGHT, "o", size=42, label="found")
    _draw(axes, points[nearest[~inside]], DIFFERENT, "X", size=42, label="missed")
    _draw(axes, query[np.newaxis], INK, "*", size=110, label="query")
    counted = f"{np.count_nonzero(inside)} of the {k} nearest found"
    axes.set_title(f"{title}: {counted}" if title else counted, color=INK, fontsize=10, loc="left", parse_math=False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    return figure


def _draw_cells(
    axes: Axes, points: NDArray[np.float64], centres: NDArray[np.float64], looked_into: NDArray[np.intp]
) -> None:
    """The borders of all cells, those that are looked into shaded."""
    low, high = points.min(axis=0), points.max(axis=0)
    (left, bottom), (right, top) = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    across, up = np.meshgrid(np.linspace(left, right, _RASTER), np.linspace(bottom, top, _RASTER))
    cells = _distances(np.column_stack([across.ravel(), up.ravel()]), centres).argmin(axis=1).reshape(across.shape)
    extent = (left, right, bottom, top)
    shades = ListedColormap(["white", BAND])
    shaded = np.isin(cells, looked_into)
    axes.imshow(shaded, extent=extent, origin="lower", aspect="auto", cmap=shades, vmin=0, vmax=1, alpha=0.25)
    for cell in range(len(centres)):
        axes.contour(across, up, cells == cell, levels=[0.5], colors=GRID, linewidths=0.8)


def _draw(
    axes: Axes, points: NDArray[np.float64], colour: str, marker: MarkerType, *, size: float, label: str = ""
) -> None:
    if len(points):
        x, y = points.T
        axes.scatter(x, y, s=size, c=colour, marker=marker, linewidths=0.8, label=label or None)


def _check(
    points: NDArray[np.float64], centres: NDArray[np.float64], query: NDArray[np.float64], probed: int, k: int
) -> None:
    plane = 2
    if points.shape[1:] != (plane,) or centres.shape[1:] != (plane,) or query.shape != (plane,):
        raise InvalidInputError(
            f"cells are drawn for points (N, 2), centres (L, 2) and a query (2,), not of shapes {points.shape}, "
            f"{centres.shape} and {query.shape}"
        )
    if not (1 <= k <= len(points) and 1 <= probed <= len(centres)):
        raise InvalidInputError(
            f"{len(points)} points in {len(centres)} cells: neither the {k} nearest nor {probed} cells can be drawn"
        )


def _distances(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances (N, M)."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(ours, theirs))
