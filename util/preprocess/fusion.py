"""Exposure fusion: one well-exposed picture from several exposures of a scene.

T. Mertens, J. Kautz and F. Van Reeth, "Exposure Fusion", *Pacific Graphics* 2007. The steps and constants are those of
OpenCV's ``MergeMertens``, and so is the result but for rounding; that class adds up its images in whichever order its
threads finish, so it gives a picture that differs in places from one call to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from util.preprocess.pixels import Image

Plane: TypeAlias = NDArray[np.float32]

_BEST = 0.5  # the exposure that counts as good
_SPREAD = 0.08  # twice the variance of the bell around it


def fuse_exposures(
    images: Sequence[Image], *, contrast: float = 1.0, saturation: float = 1.0, exposedness: float = 1.0
) -> Plane:
    """Blends images by how well each is exposed at each place, coarse and fine detail apart.

    Args:
        images: uint8 H×W×3 RGB, all of one size.
        contrast: exponent of the contrast in an image's weight; 0 leaves it out.
        saturation: exponent of the saturation.
        exposedness: exponent of the closeness to middle grey.

    Returns:
        float32 H×W×3 RGB, about [0, 1]; blending in a pyramid may go a little beyond.
    """
    pictures = [image.astype(np.float32) * np.float32(1 / 255) for image in images]
    weights = [_weight(picture, contrast, saturation, exposedness) for picture in pictures]
    total = np.sum(weights, axis=0)
    levels = int(math.log2(min(images[0].shape[:2])))
    fused: list[Plane] = []
    for picture, weight in zip(pictures, weights, strict=True):
        details, shares = _laplacian_pyramid(picture, levels), _gaussian_pyramid(weight / total, levels)
        parts = [detail * cv2.merge([share] * 3) for detail, share in zip(details, shares, strict=True)]
        fused = [sum_ + part for sum_, part in zip(fused, parts, strict=True)] if fused else parts
    return _collapse(fused)


def _weight(picture: Plane, contrast: float, saturation: float, exposedness: float) -> Plane:
    channels = cv2.split(picture)  # sums over planes, which are many times faster than over the last axis
    mean = (channels[0] + channels[1] + channels[2]) * np.float32(1 / 3)
    colour = np.sqrt(_sum_of_squares(channels, mean))
    closeness = np.exp(_sum_of_squares(channels, np.float32(_BEST)) * np.float32(-1 / _SPREAD))
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    weight = _power(edges, contrast) * _power(colour, saturation) * _power(closeness, exposedness)
    return np.asarray(weight + np.float32(1e-12))


def _sum_of_squares(channels: Sequence[cv2.typing.MatLike], centre: Plane | np.float32) -> Plane:
    red, green, blue = (channel - centre for channel in channels)
    return np.asarray(red * red + green * green + blue * blue)


def _power(plane: Plane, exponent: float) -> Plane:
    return plane if exponent == 1 else plane ** np.float32(exponent)


def _gaussian_pyramid(plane: Plane, levels: int) -> list[Plane]:
    pyramid = [plane]
    for _ in range(levels):
        pyramid.append(np.asarray(cv2.pyrDown(pyramid[-1]), dtype=np.float32))
    return pyramid


def _laplacian_pyramid(picture: Plane, levels: int) -> list[Plane]:
    pyramid = _gaussian_pyramid(picture, levels)
    return [fine - _enlarged(coarse, fine) for fine, coarse in pairwise(pyramid)] + pyramid[-1:]


def _collapse(pyramid: list[Plane]) -> Plane:
    picture = pyramid[-1]
    for detail in reversed(pyramid[:-1]):
        picture = detail + _enlarged(picture, detail)
    return picture


def _enlarged(coarse: Plane, like: Plane) -> Plane:
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.pyrUp(coarse, dstsize=size), dtype=np.float32).reshape(like.shape)
