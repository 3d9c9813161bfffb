"""Framing: cropping to the item, padding to a square, resizing, centre crops.

All functions take uint8 H×W×3 (RGB) or H×W×4 (RGBA) and keep the number of channels; see-through pixels stay
see-through and never bleed into visible ones.
"""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.preprocess.pixels import Image, colour, has_alpha, require_feasible, require_image

Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])


def crop_to_alpha(image: Image, *, margin: int = 10) -> Image:
    """Crops to the bounding box of all pixels with alpha above zero, and a margin around it.

    Args:
        image: uint8 H×W×4; without alpha, or with nothing visible, it is returned as it is.
        margin: pixels kept on each side of the box, as far as the image reaches.

    Returns:
        uint8 H'×W'×4.
    """
    require_image(image)
    if margin < 0:
        raise InvalidInputError(f"the margin of a crop must be at least 0 pixels, not {margin}")
    if not has_alpha(image):
        return image
    visible = image[..., 3] > 0
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    if rows.size == 0:
        return image
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    return np.ascontiguousarray(image[top : rows[-1] + 1 + margin, left : columns[-1] + 1 + margin])


def pad_to_square(image: Image, *, fill: str | None = None) -> Image:
    """Pads the shorter side on both ends, so that the picture stays centred (an odd pixel goes to the end).

    Args:
        image: uint8 H×W×3 or H×W×4.
        fill: ``black``, ``white``, ``grey``, or ``edge`` to repeat the border; by default transparent black where
            there is alpha and black where there is none.

    Returns:
        uint8 S×S×C with S = max(H, W).

    >>> pad_to_square(np.full((1, 3, 3), 9, np.uint8), fill="white")[..., 0].tolist()
    [[255, 255, 255], [9, 9, 9], [255, 255, 255]]
    """
    require_image(image)
    side = max(image.shape[:2])
    return _pad(image, side, side, fill, "padding to a square")


def resize_area(image: Image, *, height: int, width: int) -> Image:
    """Resizes to exactly this size: averaging areas where a side shrinks, bicubic where it grows.

    Colours are weighted by alpha, so see-through pixels lend nothing to their visible neighbours.

    Args:
        image: uint8 H×W×3 or H×W×4.
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.

    Returns:
        uint8 height×width×C.
    """
    require_image(image)
    if height < 1 or width < 1:
        raise InvalidInputError(f"an image cannot be resized to {width}×{height}: each side needs at least 1 pixel")
    require_feasible(height, width, image, "resizing")
    if image.shape[:2] == (height, width):
        return image
    if not has_alpha(image):
        return _interpolate(image, height, width)
    alpha = image[..., 3:].astype(np.float32)
    weighted = np.concatenate([image[..., :3] * (alpha / 255), alpha], axis=2)
    resized = _interpolate(weighted, height, width)
    # Bicubic rings beyond [0, 255] at edges; colour and alpha ring alike, so their quotient is taken before clipping.
    visible = resized[..., 3:] >= 0.5
    colours = np.divide(resized[..., :3] * 255, resized[..., 3:], out=np.zeros_like(resized[..., :3]), where=visible)
    together = np.concatenate([colours, resized[..., 3:]], axis=2)
    return cast(Image, np.rint(np.clip(together, 0, 255)).astype(np.uint8))


def resize_shortest(image: Image, *, side: int) -> Image:
    """Resizes so that the shorter side has ``side`` pixels; the aspect is kept (the longer side is rounded)."""
    require_image(image)
    height, width = shortest_shape(image.shape[:2], side)
    return resize_area(image, height=height, width=width)


def limit_longest(image: Image, *, side: int) -> Image:
    """Shrinks so that the longer side has at most ``side`` pixels; the aspect is kept, smaller images stay."""
    require_image(image)
    height, width = longest_shape(image.shape[:2], side)
    return resize_area(image, height=height, width=width)


def shortest_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(height, width) after ``resize_shortest``.

    >>> shortest_shape((100, 150), 256), longest_shape((4000, 3000), 1024)
    ((256, 384), (1024, 768))
    """
    return _scaled(shape, side / min(shape))


def longest_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(height, width) after ``limit_longest``."""
    return _scaled(shape, min(1.0, side / max(shape)))


def center_crop(image: Image, *, height: int, width: int) -> Image:
    """Cuts out the centre; a side that is too short is first padded like ``pad_to_square`` does by default."""
    require_image(image)
    require_feasible(height, width, image, "a centre crop")
    top, left = max(image.shape[0] - height, 0) // 2, max(image.shape[1] - width, 0) // 2
    return _pad(image[top : top + height, left : left + width], height, width, None, "a centre crop")


def _scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    height, width = (max(1, round(length * scale)) for length in shape)
    return height, width


def _interpolate(image: Pixels, height: int, width: int) -> Pixels:
    # Area averaging is only defined for shrinking, so a side that shrinks goes first and one that grows after it.
    smaller = (min(width, image.shape[1]), min(height, image.shape[0]))
    shrunk = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    grown = shrunk if smaller == (width, height) else cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC)
    return cast(Pixels, grown)


def _pad(image: Image, height: int, width: int, fill: str | None, made_by: str) -> Image:
    missing_rows, missing_columns = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    require_feasible(image.shape[0] + missing_rows, image.shape[1] + missing_columns, image, made_by)
    top, left = missing_rows // 2, missing_columns // 2
    sides = (top, missing_rows - top, left, missing_columns - left)
    if fill == "edge":
        return cast(Image, cv2.copyMakeBorder(image, *sides, borderType=cv2.BORDER_REPLICATE))
    level, opacity = (0, 0) if fill is None else (colour(fill), 255)
    padded = cv2.copyMakeBorder(image, *sides, borderType=cv2.BORDER_CONSTANT, value=(level, level, level, opacity))
    return cast(Image, padded)
