"""Where two aligned photos show different print: a map, and boxes around the largest differences."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.alignment import Alignment

_WINDOW = 1 / 100  # of the longer side: about the stroke of a letter
_SMALLEST_WINDOW = 1.8  # pixels; below, noise and a shift of half a pixel look like differences
_SOFTENING = 1.0  # pixels; one photo is sharper than the other, which is no difference of the things
_NOISE = 8.0  # grey levels: contrast of what is noise or compression
_COLOUR = 24.0  # levels of a* or b* that count as another colour altogether
_SHIFT = 1  # pixels that the alignment may still be wrong by
_REGION_FROM = 0.45  # difference from which a pixel belongs to a region
_JOINED = 1 / 70  # of the longer side: gaps of less than twice this, or four times along a line, part no region
_REGIONS = 5


@dataclass(frozen=True, slots=True)
class DifferenceRegion:
    """A place where two things differ.

    Attributes:
        box: left, top, right, bottom in pixels of the query photo; right and bottom are just outside.
        score: mean difference inside in [0, 1] times the root of the share of the compared surface it covers.
    """

    box: tuple[float, float, float, float]
    score: float

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not (left < right and top < bottom) or self.score < 0:
            raise InvalidInputError(f"a region needs a box with an inside and a score from 0, got {self}")


def difference_map(alignment: Alignment) -> NDArray[np.float32]:
    """How different the print is, pixel by pixel: float32 H×W in [0, 1]; less where trust is less.

    Structure is compared by the contrast-and-structure part of SSIM, the best over shifts of one pixel; colour by
    what local means of a* and b* differ in. Flat paper on both sides is no difference, a word on one side is.

    Reference: Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 2004.
    """
    window = max(_SMALLEST_WINDOW, max(alignment.trust.shape) * _WINDOW)
    first, second = (_lab(image) for image in (alignment.query, alignment.candidate))
    structure = _structure_difference(first[:, :, 0], second[:, :, 0], window)
    apart = cv2.GaussianBlur(first[:, :, 1:] - second[:, :, 1:], (0, 0), window)
    colour = np.linalg.norm(apart, axis=2) / _COLOUR
    return np.asarray(np.clip(np.maximum(structure, colour), 0, 1) * alignment.trust, dtype=np.float32)


def difference_regions(
    differences: NDArray[np.float32], compared: NDArray[np.bool_], *, count: int = _REGIONS
) -> tuple[DifferenceRegion, ...]:
    """Boxes around the largest differences, the largest first.

    Neighbouring places make one region (the letters of a word), tiny ones none.

    Args:
        differences: float32 H×W in [0, 1], as ``difference_map`` gives it.
        compared: bool H×W.
        count: at most so many.
    """
    surface = int(np.count_nonzero(compared))
    if not surface:
        return ()
    reach = max(1, round(max(compared.shape) * _JOINED))
    strong = (differences >= _REGION_FROM).astype(np.uint8)
    joined = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((2 * reach + 1, 4 * reach + 1), np.uint8))
    total, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    sums = np.bincount(labels.ravel(), (differences * strong).ravel(), minlength=total)
    pixels = np.bincount(labels.ravel(), strong.ravel(), minlength=total)
    regions = [
        DifferenceRegion(
            (float(left), float(top), float(left + width), float(top + height)),
            float(sums[label] / pixels[label] * np.sqrt(pixels[label] / surface)),
        )
        for label, (left, top, width, height, _) in enumerate(stats.tolist())
        if label and pixels[label] >= reach**2
    ]
    return tuple(sorted(regions, key=lambda region: (-region.score, region.box))[:count])


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(image, (0, 0), _SOFTENING)
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _structure_difference(
    first: NDArray[np.float32], second: NDArray[np.float32], window: float
) -> NDArray[np.float32]:
    """One minus the contrast-and-structure similarity of lightness, the smallest over small shifts."""
    mean, variance = _moments(first, window)
    smallest = np.full(first.shape, np.inf, np.float32)
    other_mean, other_variance = _moments(second, window)
    for down in range(-_SHIFT, _SHIFT + 1):
        for right in range(-_SHIFT, _SHIFT + 1):
            shifted, its_mean, its_variance = (
                np.roll(values, (down, right), axis=(0, 1)) for values in (second, other_mean, other_variance)
            )
            together = cv2.GaussianBlur(first * shifted, (0, 0), window) - mean * its_mean
            alike = (2 * together + _NOISE**2) / (variance + its_variance + _NOISE**2)
            np.minimum(smallest, 1 - alike, out=smallest)
    return smallest


def _moments(values: NDArray[np.float32], window: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mean = np.asarray(cv2.GaussianBlur(values, (0, 0), window), dtype=np.float32)
    squares = np.asarray(cv2.GaussianBlur(values**2, (0, 0), window), dtype=np.float32)
    return mean, np.maximum(squares - mean**2, 0)
