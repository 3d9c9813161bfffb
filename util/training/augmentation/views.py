"""Views of an image: which part is seen, from where, in one resampling.

Crop, stretch, turn, perspective, flips and the final size are four points: the corners of the view in the source. Drawn
as points they cost one warp and blur once; done one after the other, each would blur again what tells items apart.

Points are (x, y) in pixels, with y downwards and (0, 0) the outer corner of the first pixel, so an image of width W
reaches from 0 to W.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from util.preprocess.pixels import Image, has_alpha
from util.training.augmentation.config import AugmentationConfig

Corners: TypeAlias = NDArray[np.float64]
"""float64 4×2: where in the source the view's upper left, upper right, lower right and lower left corners lie."""

_UNIT = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)
_WITHDRAWALS = np.linspace(0, 1, 9)


def draw_corners(height: int, width: int, *, config: AugmentationConfig, random: np.random.Generator) -> Corners:
    """Draws a view of a source.

    Args:
        height: of the source.
        width: of the source.
        config: its strengths of motion; the view shows at least ``min_crop_area`` of the source's area.
        random: where the draws come from; every call takes equally many.

    Returns:
        The corners; they may lie outside the source.
    """
    source = np.array([width, height], dtype=np.float64)
    sides = _draw_sides(config, random) * source
    centre = sides / 2 + (source - sides) * random.random(2)
    # Corners only move outwards: perspective never hides a part that the crop was to show.
    shape = _UNIT * (1 + config.perspective * random.random((4, 2)))
    turn = _rotation(np.deg2rad(config.rotation * random.uniform(-1, 1)))
    corners = _withdrawn(centre, shape * sides / 2, turn, source=source, least=config.min_crop_area)
    return _turned_over(corners, config, random, square=height == width)


def take_view(image: Image, corners: Corners, *, height: int, width: int) -> Image:
    """The part of an image between four corners, as a rectangle.

    Where the view shrinks the image, it is first averaged over areas to about the final scale, so that fine print does
    not alias. Outside the source, RGB repeats the border and RGBA is see-through.

    Args:
        image: uint8 H×W×3 or H×W×4.
        corners: 4×2, in the source.
        height: rows of the view.
        width: columns of the view.

    Returns:
        uint8 height×width×C.
    """
    source = _multiplied(image) if has_alpha(image) else image
    part, corners = _part(source, corners)
    part, corners = _shrunk(part, corners, height=height, width=width)
    view = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    # OpenCV counts from the centre of the first pixel.
    matrix = cv2.getPerspectiveTransform(view - np.float32(0.5), (corners - 0.5).astype(np.float32))
    border = cv2.BORDER_CONSTANT if has_alpha(image) else cv2.BORDER_REPLICATE
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cast(Image, cv2.warpPerspective(part, matrix, (width, height), flags=flags, borderMode=border))
    return _divided(warped) if has_alpha(image) else warped


def _draw_sides(config: AugmentationConfig, random: np.random.Generator) -> NDArray[np.float64]:
    """Width and height of the crop as shares of the source's, their product at least ``min_crop_area``."""
    area, exponent = random.uniform(config.min_crop_area, 1), random.uniform(-1, 1)
    width = np.clip(np.sqrt(area * (1 + config.stretch) ** exponent), area, 1)
    return np.array([width, area / width])


def _rotation(radians: float) -> NDArray[np.float64]:
    """2×2; rows of points times it are turned."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([(cosine, sine), (-sine, cosine)])


def _withdrawn(
    centre: NDArray[np.float64],
    offsets: Corners,
    turn: NDArray[np.float64],
    *,
    source: NDArray[np.float64],
    least: float,
) -> Corners:
    """The turned view, moved back as far as it takes to show enough of the source.

    A turned crop at the border loses what lies beyond. Between the view as drawn and the one from so far back that the
    whole source is in it, the first that shows enough is taken.
    """
    half = np.abs(offsets).min(axis=0)
    far = max(1.0, float((np.abs(_UNIT * source / 2 @ turn.T) / half).max()))
    frame = ((_UNIT + 1) / 2 * source).astype(np.float32)
    for back in _WITHDRAWALS:
        middle = (1 - back) * centre + back * source / 2
        corners = middle + (1 - back + back * far) * offsets @ turn
        seen, _ = cv2.intersectConvexConvex(corners.astype(np.float32), frame)
        if seen >= least * source.prod():
            break
    return cast(Corners, corners)


def _turned_over(corners: Corners, config: AugmentationConfig, random: np.random.Generator, *, square: bool) -> Corners:
    mirrored, upended = random.random(2) < 0.5
    quarters = int(random.integers(4))
    if config.flip and mirrored:
        corners = corners[[1, 0, 3, 2]]
    if config.vertical_flip and upended:
        corners = corners[[3, 2, 1, 0]]
    if config.quarter_turns:
        corners = np.roll(corners, quarters if square else quarters // 2 * 2, axis=0)
    return corners


def _part(image: Image, corners: Corners) -> tuple[Image, Corners]:
    """The smallest upright part of the image that the view needs."""
    limits = np.array([image.shape[1], image.shape[0]])
    first = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, limits - 1)
    last = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, first + 1, limits)
    return image[first[1] : last[1], first[0] : last[0]], corners - first


def _shrunk(image: Image, corners: Corners, *, height: int, width: int) -> tuple[Image, Corners]:
    """The image averaged to the scale of the view along each side where that is smaller."""
    # Columns: the step in the source to the view's next pixel to the right, and to the one below.
    steps = np.stack([(corners[1] - corners[0]) / width, (corners[3] - corners[0]) / height], axis=1)
    scales = np.minimum(np.linalg.norm(np.linalg.inv(steps), axis=0), 1)
    before = np.array([image.shape[1], image.shape[0]])
    after = np.maximum(np.ceil(before * scales), 1).astype(int)
    if (after == before).all():
        return image, corners
    smaller = cv2.resize(image, (int(after[0]), int(after[1])), interpolation=cv2.INTER_AREA)
    return cast(Image, smaller), corners * (after / before)


def _multiplied(rgba: Image) -> Image:
    """Alpha multiplied into the colours, so that see-through pixels lend nothing to visible ones."""
    return cast(Image, cv2.multiply(rgba, _alpha_and_one(rgba), scale=1 / 255))


def _divided(rgba: Image) -> Image:
    """The inverse; black where nothing is visible."""
    return cast(Image, cv2.divide(rgba, _alpha_and_one(rgba), scale=255))


def _alpha_and_one(rgba: Image) -> Image:
    alpha = rgba[..., 3]
    return cast(Image, cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)]))
