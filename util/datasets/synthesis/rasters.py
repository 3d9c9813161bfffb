"""OpenCV's operations on float32 maps, with their types."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""float32 (H, W) or (H, W, C)."""

Homography = NDArray[np.float64]
"""float64 (3, 3): pixels of one picture, x right and y down, to pixels of another."""

SHIFT = 4
"""OpenCV's drawing takes sub-pixel places as integers with so many binary digits after the point."""


def blur(image: Map, sigma: float) -> Map:
    """Gaussian blur; sigma in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def warp(image: Map, place: Homography, size: tuple[int, int], *, border: int = cv2.BORDER_CONSTANT) -> Map:
    """The image where a homography puts it, bilinearly.

    Args:
        image: what is moved.
        place: from the image to the result.
        size: width and height of the result.
        border: what is beyond the image, one of OpenCV's ``BORDER_…``; zeros by default.
    """
    return np.asarray(cv2.warpPerspective(image, place, size, borderMode=border), np.float32)


def shrink(image: Map, size: tuple[int, int]) -> Map:
    """A smaller image by averaging; size is width and height."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarge(image: Map, size: tuple[int, int]) -> Map:
    """A larger, smooth image by cubic interpolation; size is width and height."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.float32)


def homography(source: Homography, target: Homography) -> Homography:
    """The homography that takes four points (float (4, 2): x, y) to four others."""
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    return np.asarray(matrix, np.float64)


def scaled(image: Map, share: Map) -> Map:
    """An (H, W, 3) image times a map of shares (H, W); several times faster than NumPy's broadcasting."""
    return np.asarray(cv2.multiply(image, cv2.merge([share, share, share])), np.float32)


def with_channels(channels: list[Map]) -> Map:
    """Maps (H, W) as the channels of one (H, W, C)."""
    return np.asarray(cv2.merge(channels), np.float32)


def fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Points in pixels as OpenCV's drawing takes them, with :data:`SHIFT`."""
    return np.asarray(np.rint(points * 2**SHIFT), np.int32)
