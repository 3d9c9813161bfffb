"""Pictures side by side: queries with what they found, and the steps of a preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from util.errors import InvalidInputError
from util.plots.style import INK, MUTED, RIGHT, SMALL_SIZE, WRONG, new_figure, picture_axes

_SIDE = 320  # pixels; more than a cell shows, and little enough for a page of hundreds
_CAPTION_WIDTH = 24  # characters that fit above a picture
_CAPTION_LINES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One picture with its caption.

    Attributes:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA).
        caption: a line or two below it.
        right: framed green with a tick if true, vermilion with a cross if false, unframed if ``None``.
    """

    image: NDArray[np.uint8]
    caption: str = ""
    right: bool | None = None


def hit_grid(rows: Sequence[tuple[Shown, Sequence[Shown]]], *, title: str = "") -> Figure:
    """One row a query: the query on the left, its hits from left to right, right ones green and wrong ones vermilion.

    Args:
        rows: each a query and its hits; rows may differ in length.
        title: of the figure.

    Raises:
        InvalidInputError: if there is no row, or a picture is none.
    """
    if not rows:
        raise InvalidInputError("a grid of hits needs at least one query")
    width = 1 + max(len(hits) for _, hits in rows)
    figure = new_figure(1.7 * width, 2.1 * len(rows) + (0.3 if title else 0))
    if title:
        figure.suptitle(title, color=INK, x=0.01, ha="left", parse_math=False)
    grid = np.array(figure.subplots(len(rows), width, squeeze=False))
    for line, (query, hits) in zip(grid, rows, strict=True):
        _show(line[0], query)
        for axes, hit in zip(line[1:], hits, strict=False):
            _show(axes, hit)
        for axes in line[1 + len(hits) :]:
            axes.set_axis_off()
    return figure


def image_strip(images: Sequence[Shown], *, title: str = "") -> Figure:
    """Pictures in one row, such as an image before and after each step of a recipe.

    Args:
        images: the pictures, captions above them.
        title: of the figure.

    Raises:
        InvalidInputError: if there is no picture.
    """
    if not images:
        raise InvalidInputError("a strip needs at least one picture")
    figure = new_figure(2.2 * len(images), 2.6 + (0.3 if title else 0))
    if title:
        figure.suptitle(title, color=INK, x=0.01, ha="left", parse_math=False)
    for axes, shown in zip(np.array(figure.subplots(1, len(images), squeeze=False))[0], images, strict=True):
        _show(axes, shown)
    return figure


def fitted(image: NDArray[np.uint8], side: int) -> Image.Image:
    """The picture, no side longer than ``side`` pixels, on white where it is transparent.

    Raises:
        InvalidInputError: if the array is no uint8 RGB or RGBA picture.

    >>> fitted(np.zeros((100, 400, 3), dtype=np.uint8), 200).size
    (200, 50)
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise InvalidInputError(f"a picture is uint8 H×W×3 or H×W×4, got {image.dtype} {image.shape}")
    picture = Image.fromarray(image)
    if picture.mode == "RGBA":
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture).convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return picture


def _show(axes: Axes, shown: Shown) -> None:
    frame = None if shown.right is None else RIGHT if shown.right else WRONG
    picture_axes(axes, frame=frame)
    axes.imshow(np.asarray(fitted(shown.image, _SIDE)))
    # The mark says the same as the colour, for those who cannot tell the colours apart.
    mark = "" if shown.right is None else "✓ " if shown.right else "✗ "
    lines = wrap(mark + shown.caption, _CAPTION_WIDTH, max_lines=_CAPTION_LINES, placeholder=" …")
    axes.set_title("\n".join(lines), fontsize=SMALL_SIZE, color=frame or MUTED, parse_math=False)
