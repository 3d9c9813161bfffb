"""Embeddings laid out in the plane: which items lie together, and which are mixed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.plots.style import INK, SMALL_SIZE, new_figure, quiet

METHODS = ("umap", "pca")
MOST_NAMED = 20
"""Items that get a colour and marker of their own; more could not be told apart by eye."""

# Okabe and Ito without black and yellow, then the same colours with other markers.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D")
_REST = "#b4bac4"
_FEWEST_FOR_UMAP = 12  # below, its spectral start and its graph of neighbours have too few points to stand on
_NEIGHBOURS = 15
_NAME_LENGTH = 28
_LARGEST_IN_LEGEND = 90.0


@dataclass(frozen=True, slots=True, eq=False)
class QueryWay:
    """Where a query lies among the images, and where query expansion moves it.

    Attributes:
        stops: (S, D), the query as it was asked and as it was moved, in turn; S from 1.
        neighbours: rows of the images that moved it, best first.
    """

    stops: NDArray[np.floating]
    neighbours: Sequence[int] = ()


def embedding_map(
    embeddings: NDArray[np.floating],
    items: Sequence[str],
    *,
    method: str = "umap",
    seed: int = 0,
    query: QueryWay | None = None,
    title: str = "",
) -> Figure:
    """A scatter plot of embeddings, coloured by item.

    The twenty items with the most images are named, all others grey. UMAP (McInnes et al., 2018) keeps neighbours by
    cosine and shows which items hang together, but its distances between groups mean little; PCA keeps distances as
    far as two directions can. The axes say which of them was used: fewer than a dozen images are always laid out by
    PCA.

    Args:
        embeddings: (N, D) finite numbers, N at least 2 and D at least 1; usually unit rows.
        items: the N items.
        method: ``umap`` or ``pca``.
        seed: of UMAP; one seed gives one map on one machine.
        query: laid out together with the images: a star for each stop, an arrow from each to the next, and a ring with
            its place around each neighbour.
        title: of the figure.

    Raises:
        InvalidInputError: if the shapes do not fit, a number is not finite, or there is no such method.
    """
    embeddings = np.asarray(embeddings)
    _require_a_map(embeddings, items, method)
    stops = np.empty((0, embeddings.shape[1])) if query is None else _stops(query, embeddings)
    laid = np.concatenate([embeddings, stops])
    figure = new_figure(8.6, 5.8)
    axes = figure.add_subplot()
    if method == "umap" and len(embeddings) >= _FEWEST_FOR_UMAP:
        points, labels = _by_umap(laid, seed), ("UMAP 1", "UMAP 2")
    else:
        points, labels = _by_pca(laid)
    quiet(axes, title=title, xlabel=labels[0], ylabel=labels[1], grid=False)
    axes.set(xticks=[], yticks=[])
    images, way = points[: len(embeddings)], points[len(embeddings) :]
    if query is not None:
        _draw_way(axes, way, images[list(query.neighbours)])
    _scatter(axes, images, np.asarray(items, dtype=object))
    return figure


def _require_a_map(embeddings: NDArray[np.floating], items: Sequence[str], method: str) -> None:
    if method not in METHODS:
        raise InvalidInputError(f"there is no map by {method!r}: use one of {', '.join(METHODS)}")
    if embeddings.ndim != 2 or len(embeddings) < 2 or embeddings.shape[1] < 1:
        raise InvalidInputError(f"a map needs embeddings (N, D) with N at least 2, not of shape {embeddings.shape}")
    if len(items) != len(embeddings):
        raise InvalidInputError(f"a map needs one item for each of {len(embeddings)} embeddings, not {len(items)}")
    if not np.isfinite(embeddings).all():
        raise InvalidInputError("a map needs finite embeddings: some of these are infinite or not a number")


def _stops(query: QueryWay, embeddings: NDArray[np.floating]) -> NDArray[np.floating]:
    """The stops of a query, where they and its neighbours fit the images."""
    stops = np.asarray(query.stops)
    if stops.ndim != 2 or not len(stops) or stops.shape[1] != embeddings.shape[1] or not np.isfinite(stops).all():
        raise InvalidInputError(
            f"a query on the map needs finite stops (S, {embeddings.shape[1]}) with S at least 1, "
            f"not of shape {stops.shape}"
        )
    if not all(0 <= row < len(embeddings) for row in query.neighbours):
        raise InvalidInputError(f"a neighbour of the query is none of the {len(embeddings)} images of the map")
    return stops


def _by_umap(embeddings: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    from umap import UMAP  # type: ignore[import-untyped] # compiles for seconds

    neighbours = min(_NEIGHBOURS, len(embeddings) - 1)
    # With a seed UMAP runs on one thread in any case; saying so spares its warning.
    layout = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(layout.fit_transform(embeddings), dtype=np.float64)


def _by_pca(embeddings: NDArray[np.floating]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """The first two principal components, (N, 2), and what the axes say of them."""
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    left, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    # A direction is only given up to its sign: its largest part is taken to be positive.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[np.arange(len(directions)), largest] < 0, -1, 1)
    points = np.zeros((len(centred), 2))
    kept = min(2, len(spreads))
    points[:, :kept] = (left * spreads * signs)[:, :kept]
    shares = np.pad(spreads**2, (0, 1))[:2] / max(float((spreads**2).sum()), np.finfo(float).tiny)
    first, second = (f"principal component {n} ({share:.0%} of variance)" for n, share in enumerate(shares, start=1))
    return points, (first, second)


def _scatter(axes: Axes, points: NDArray[np.float64], items: NDArray[np.object_]) -> None:
    counts = Counter(items)
    named = sorted(counts, key=lambda item: (-counts[item], item))[:MOST_NAMED]
    x, y = points.T
    size = float(np.clip(6000 / len(points), 10, 45))
    rest = ~np.isin(items, np.array(named, dtype=object))
    if rest.any():
        label = f"{len(counts) - len(named)} other items"
        axes.scatter(x[rest], y[rest], s=size * 0.7, c=_REST, linewidths=0, label=label)
    for number, item in enumerate(sorted(named)):
        axes.scatter(
            x[items == item],
            y[items == item],
            s=size,
            c=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number // len(_COLOURS)],
            edgecolors="white",
            linewidths=0.5,
            label=_shortened(str(item)),
        )
    legend = axes.legend(
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        markerscale=1.4,
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=INK,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    for drawn in legend.legend_handles:
        if isinstance(drawn, PathCollection):  # stars and rings are larger than a line of the legend
            drawn.set_sizes(np.minimum(drawn.get_sizes(), _LARGEST_IN_LEGEND))


def _draw_way(axes: Axes, way: NDArray[np.float64], neighbours: NDArray[np.float64]) -> None:
    for place, (x, y) in enumerate(neighbours, start=1):
        axes.annotate(str(place), (x, y), (8, 6), textcoords="offset points", fontsize=SMALL_SIZE, color=INK)
    if len(neighbours):
        x, y = neighbours.T
        axes.scatter(x, y, s=150, facecolors="none", edgecolors=INK, linewidths=1, label="its first hits, by rank")
    for before, after in pairwise(way):
        axes.annotate("", after, before, arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.4})
    for points, filling, label in ((way[:1], "white", "the query"), (way[1:], INK, "the query, moved")):
        if len(points):
            x, y = points.T
            axes.scatter(x, y, s=170, c=filling, marker="*", edgecolors=INK, linewidths=1.2, zorder=3, label=label)


def _shortened(name: str) -> str:
    """A name that fits beside the map; a leading underscore would keep it out of the legend."""
    fitting = name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
    return f" {fitting}" if fitting.startswith("_") else fitting
