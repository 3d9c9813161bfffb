"""Lay one photo over another by the motion that was found, and take out what only the light makes different."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from util.rerank.local.features import Points

_HULL_MARGIN = 0.08  # of the diagonal of the matched points: a changed word at the rim of a label has no match itself
_SURE = 0.05  # trust below which nothing is compared
_FLOW_SMOOTHNESS = (
    1 / 16
)  # of the longer side: what bends slower is the shape of the thing, what bends faster its print
_LIGHT_SCALE = 1 / 10  # of the longer side: light changes slowly, print fast
_LARGEST_FLOW = 1 / 40  # of the longer side: the motion was right up to that
_NOISE = 3.0  # grey levels of contrast below which there is nothing to even out


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Two photos of one surface, pixel on pixel.

    Attributes:
        query: uint8 H×W×3, RGB.
        candidate: uint8 H×W×3, RGB: the other photo in the frame of the query, its light evened to the query's.
        trust: float32 H×W, how surely both photos show the matched surface: 1 among the matched points, falling to 0
            away from them, 0 where the candidate shows nothing.
    """

    query: NDArray[np.uint8]
    candidate: NDArray[np.uint8]
    trust: NDArray[np.float32]

    @property
    def compared(self) -> NDArray[np.bool_]:
        """Where there is enough trust to compare: bool H×W."""
        return self.trust > _SURE


def align(
    query: NDArray[np.uint8], candidate: NDArray[np.uint8], matrix: NDArray[np.float64], points: Points
) -> Alignment:
    """Brings the candidate into the frame of the query.

    The plane motion leaves a few pixels over where the surface is round or bent; a smooth dense flow takes these out,
    too smooth to turn one word into another. Then lightness and colour get the query's mean and contrast,
    neighbourhood by neighbourhood.

    Reference: T. Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016.

    Args:
        query: uint8 H×W×3, RGB.
        candidate: uint8 H'×W'×3, RGB.
        matrix: float64 (3, 3), maps query pixels to candidate pixels.
        points: (N, 2) query pixels that match; their surroundings are what is compared.
    """
    height, width = query.shape[:2]
    laid, covered = _warp(candidate, matrix, (width, height))
    trust = trust_near(points, (width, height))
    laid, covered = _follow(query, laid, covered & (trust > _SURE))
    trust *= covered
    return Alignment(query, _even_light(query, laid, trust > _SURE), trust)


def trust_near(points: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """How surely the surface that the points are on is seen: 1 in their convex hull and close to it, then falling to 0.

    It is 0 from eight hundredths of the diagonal of the points: what lies further out may be another face of the
    thing, or the table; the last two thirds of the way it falls.

    Args:
        points: (N, 2) pixels, at least one.
        size: width and height in pixels.

    Returns:
        float32 H×W in [0, 1].
    """
    outside = np.ones(size[::-1], np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(np.rint(points).astype(np.int32)), 0)
    margin = max(1.0, _HULL_MARGIN * float(np.linalg.norm(np.ptp(points, axis=0))))
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 3) / margin
    return np.asarray(np.clip(1.5 * (1 - away), 0, 1), dtype=np.float32)


def _warp(
    candidate: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The candidate in the query's frame and where it covers it; shrinking is done by areas, not by single pixels."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpPerspective(candidate, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = np.full(candidate.shape[:2], 255, np.uint8)
    covered = cv2.warpPerspective(inside, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(laid, dtype=np.uint8), covered > 0


def _follow(
    query: NDArray[np.uint8], laid: NDArray[np.uint8], compared: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Takes out what is left of the motion, as far as it is smooth."""
    height, width = compared.shape
    longest = max(height, width)
    if min(height, width) < 16 or not compared.any():
        return laid, compared
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (query, laid))
    second = np.clip(_matched(first.astype(np.float32), second.astype(np.float32), compared), 0, 255).astype(np.uint8)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(
        first, second, np.zeros((height, width, 2), np.float32)
    )
    moved = np.asarray(flow, dtype=np.float32)
    # Flow is known where there is print; flat places take it from their neighbours.
    print_ = cv2.magnitude(cv2.Sobel(first, cv2.CV_32F, 1, 0), cv2.Sobel(first, cv2.CV_32F, 0, 1))
    small = np.linalg.norm(moved, axis=2) < longest * _LARGEST_FLOW
    weight = (print_ * compared * small).astype(np.float32)
    smooth = _weighted_mean(moved, weight, longest * _FLOW_SMOOTHNESS)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    maps = xs + smooth[:, :, 0], ys + smooth[:, :, 1]
    followed = cv2.remap(laid, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.remap(compared.astype(np.uint8), *maps, cv2.INTER_NEAREST)
    return np.asarray(followed, dtype=np.uint8), covered > 0


def _even_light(query: NDArray[np.uint8], laid: NDArray[np.uint8], compared: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The candidate with the query's local mean and contrast, in lightness and both colours."""
    if not compared.any():
        return laid
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) for image in (query, laid))
    even = np.clip(_matched(first, second, compared), 0, 255)
    return np.asarray(cv2.cvtColor(np.rint(even).astype(np.uint8), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def _matched(wanted: NDArray[np.float32], given: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``given`` with the local mean and contrast of ``wanted``."""
    weight = where.astype(np.float32)
    spread = max(where.shape) * _LIGHT_SCALE
    means = [_weighted_mean(values, weight, spread) for values in (wanted, given)]
    contrasts = [
        np.sqrt(_weighted_mean((values - mean) ** 2, weight, spread) + _NOISE**2)
        for values, mean in zip((wanted, given), means, strict=True)
    ]
    gain = np.clip(contrasts[0] / contrasts[1], 0.33, 3.0)
    return np.asarray((given - means[1]) * gain + means[0], dtype=np.float32)


def _weighted_mean(values: NDArray[np.float32], weight: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """Gaussian mean of the values around each pixel, those of more weight counting more."""
    weights = weight if values.ndim == 2 else weight[:, :, None]
    total = _blurred(np.ascontiguousarray(values * weights), spread)
    share = _blurred(weight, spread)
    share = np.maximum(share if values.ndim == 2 else share[:, :, None], 1e-6)
    return np.asarray(total / share, dtype=np.float32)


def _blurred(values: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """Gaussian blur; wide ones on a smaller copy, which differs by nothing that matters."""
    step = max(1, int(spread / 4))
    height, width = values.shape[:2]
    if step == 1 or min(height, width) < 4 * step:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), max(spread, 0.5), borderType=cv2.BORDER_REFLECT))
    small = cv2.resize(values, (width // step, height // step), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), spread / step, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
