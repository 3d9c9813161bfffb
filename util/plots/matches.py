"""Two photos beside each other: what matches, and what differs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from util.plots.style import DIFFERENT, GRID, INK, MUTED, RIGHT, SMALL_SIZE, TEXT_SIZE, new_figure, picture_axes
from util.rerank.local.alignment import Alignment
from util.rerank.local.differences import DifferenceRegion
from util.rerank.local.explaining import Explanation
from util.rerank.local.pixels import fit_within

_SIDE = 640  # pixels of a photo in the picture
_LINES = 40  # more than these hide the photos
_GAP = 0.06  # of the height, between the photos


def explanation_figure(
    explanation: Explanation, *, names: tuple[str, str] = ("query", "candidate"), title: str = ""
) -> Figure:
    """What matches, as lines, and below it what differs, as boxes and a heat map.

    Args:
        explanation: of two photos.
        names: what the photos are called in the picture.
        title: of the figure; without it, a sentence that says what was found.
    """
    laid, differences = explanation.alignment, explanation.differences
    rows = 1 if laid is None or differences is None else 2
    figure = new_figure(10.0, 4.6 * rows)
    figure.suptitle(title or explanation.evidence.words, color=INK, x=0.01, ha="left", parse_math=False)
    upper, *lower = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    draw_matches(upper.subplots(), explanation, names=names)
    if lower and laid is not None and differences is not None:
        _draw_differences(lower[0].subplots(1, 3), explanation, laid, differences, names=names)
    return figure


def draw_matches(axes: Axes, explanation: Explanation, *, names: tuple[str, str]) -> None:
    """Both photos side by side, with lines between the points that follow the motion; the others are faint."""
    (left, left_pixel), (right, right_pixel) = (
        fit_within(image, _SIDE) for image in (explanation.query, explanation.candidate)
    )
    height = max(left.shape[0], right.shape[0])
    offset = left.shape[1] + round(_GAP * height)
    canvas = np.full((height, offset + right.shape[1], 3), 255, np.uint8)
    canvas[: left.shape[0], : left.shape[1]] = left
    canvas[: right.shape[0], offset:] = right
    picture_axes(axes)
    axes.imshow(canvas)
    evidence = explanation.evidence
    starts, stops = evidence.matches.query / left_pixel, evidence.matches.candidate / right_pixel
    ends = np.stack([starts, stops + np.array([offset, 0], np.float32)], axis=1)
    inliers = _spread(ends[evidence.inliers], _LINES)
    axes.add_collection(LineCollection(list(_spread(ends[~evidence.inliers], _LINES)), colors=GRID, lw=0.5, alpha=0.5))
    axes.add_collection(LineCollection(list(inliers), colors=RIGHT, lw=0.8, alpha=0.8))
    axes.scatter(inliers[:, :, 0], inliers[:, :, 1], s=5, color=RIGHT, lw=0)
    for place, name in ((0, names[0]), (offset, names[1])):
        axes.text(place, -8, name, color=MUTED, fontsize=SMALL_SIZE, va="bottom", parse_math=False)


def _draw_differences(
    axes: NDArray[np.object_],
    explanation: Explanation,
    laid: Alignment,
    differences: NDArray[np.float32],
    *,
    names: tuple[str, str],
) -> None:
    """The query, the candidate laid over it, both with boxes where they differ, and the heat map."""
    pixel = explanation.query.shape[1] / laid.query.shape[1]
    captions = names[0], f"{names[1]}, laid over it, in its light", "what differs"
    pictures = laid.query, _faded(laid.candidate, laid.compared), _heat(laid.query, differences)
    window = _window(laid.compared)
    for cell, caption, picture in zip(axes, captions, pictures, strict=True):
        picture_axes(cell)
        cell.imshow(picture)
        cell.set_title(caption, color=MUTED, fontsize=TEXT_SIZE, loc="left", parse_math=False)
        cell.set_xlim(window[0], window[2])
        cell.set_ylim(window[3], window[1])
        for number, region in enumerate(explanation.evidence.regions, start=1):
            _draw_box(cell, region, pixel, number)


def _draw_box(axes: Axes, region: DifferenceRegion, pixel: float, number: int) -> None:
    left, top, right, bottom = (edge / pixel for edge in region.box)
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=DIFFERENT, lw=1.5))
    axes.text(left, top - 2, str(number), color=DIFFERENT, fontsize=SMALL_SIZE, va="bottom", clip_on=True)


def _spread(lines: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """At most ``count`` of the lines, evenly from the first to the last."""
    if len(lines) <= count:
        return lines
    return np.asarray(lines[np.linspace(0, len(lines) - 1, count).round().astype(int)])


def _faded(image: NDArray[np.uint8], compared: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image, pale where nothing is compared."""
    return np.where(compared[:, :, None], image, 255 - (255 - image) // 4).astype(np.uint8)


def _heat(image: NDArray[np.uint8], differences: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Differences in vermilion over a pale grey copy."""
    grey = image.mean(axis=2, keepdims=True)
    pale = np.repeat(170 + grey / 3, 3, axis=2)
    color = np.array([int(DIFFERENT[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float64)
    share = np.clip(differences, 0, 1)[:, :, None].astype(np.float64) ** 1.5
    return np.rint(np.clip(pale * (1 - share) + color * share, 0, 255)).astype(np.uint8)


def _window(compared: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is compared, with a margin: there is nothing to see elsewhere."""
    height, width = compared.shape
    rows, columns = np.flatnonzero(compared.any(axis=1)), np.flatnonzero(compared.any(axis=0))
    if not len(rows):
        return -0.5, -0.5, width - 0.5, height - 0.5
    margin = 0.06 * max(height, width)
    return (
        max(columns[0] - margin, -0.5),
        max(rows[0] - margin, -0.5),
        min(columns[-1] + margin, width - 0.5),
        min(rows[-1] + margin, height - 0.5),
    )
