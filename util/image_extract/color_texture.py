"""Colours, small patterns and edges of what stands in the middle of the picture, as one vector; nothing is learned."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from util.image_extract._descriptor import Descriptor

SIDE = 128
POWER = 0.3
LIGHTNESS_BINS, OPPONENT_BINS = 6, 12
OPPONENT_GAIN = 2.2
ILLUMINANT_CORRECTION = 0.5
PATTERN_RADII = (1, 2)
PATTERN_NOISE = 3
CELLS, ORIENTATIONS = 6, 8
COLOURS = LIGHTNESS_BINS * OPPONENT_BINS**2
COLOUR_SHARE, PATTERN_SHARE, EDGE_SHARE = 1.0, 0.35, 0.2

Grey: TypeAlias = NDArray[np.uint8]
Weights: TypeAlias = NDArray[np.float64]


def _distance_from_centre() -> Weights:
    """(SIDE, SIDE): how far each pixel is from the centre, where the picture is 1 wide."""
    along = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    return np.hypot(along[:, None], along[None, :])


def _gaussian(width: float) -> Weights:
    return np.exp(-((_distance_from_centre() / width) ** 2) / 2)


# What is photographed stands in the middle; how fast the weight falls was chosen on Grocery's validation images.
COLOUR_WINDOW = np.exp(-_distance_from_centre() / 0.1)
PATTERN_WINDOW = _gaussian(0.2)
EDGE_WINDOW = _gaussian(0.25)
LIGHT_WINDOW = (_gaussian(0.25) / _gaussian(0.25).sum()).astype(np.float32)


def _neighbours(bins: int, gain: float, stride: int) -> tuple[NDArray[np.int64], Weights]:
    """For each of 256 values the two bins whose centres it lies between, and its share of either: (2, 256) each.

    Args:
        bins: how many there are; values beyond the outermost centres fall into the outermost bins.
        gain: stretches values about 128, where greys lie: few things are so colourful that they need the rest.
        stride: what a step of one bin is worth in the joint histogram.
    """
    position = ((np.arange(256) - 128) * gain + 128) * bins / 256 - 0.5
    lower = np.floor(position)
    both = np.clip(np.stack([lower, lower + 1]), 0, bins - 1).astype(np.int64) * stride
    return both, np.stack([lower + 1 - position, position - lower])


LIGHTNESS = _neighbours(LIGHTNESS_BINS, 1.0, OPPONENT_BINS**2)
RED_GREEN = _neighbours(OPPONENT_BINS, OPPONENT_GAIN, OPPONENT_BINS)
BLUE_YELLOW = _neighbours(OPPONENT_BINS, OPPONENT_GAIN, 1)
_ROW_OF_CELL = np.arange(SIDE) * CELLS // SIDE
CELL = (_ROW_OF_CELL[:, None] * CELLS + _ROW_OF_CELL[None, :]).astype(np.int32)


class ColorTexture(Descriptor):
    """Three blocks, each raised to a power, scaled to length 1 and weighted: their cosines add up.

    * Colours (864 numbers, share 1): joint histogram of CIE L*a*b*, 6×12×12 bins, each pixel shared between the eight
      bins it lies between, and weighted by how near it is to the centre. Half of the colour of the light is taken out
      first: each channel is scaled by ``(grey / mean) ** 0.5``, the means weighted towards the centre (a softened
      grey-world correction, G. Buchsbaum, "A spatial processor model for object colour perception", 1980).
    * Small patterns (2×256 numbers, share 0.35 each): histograms of local binary patterns of lightness, with 8
      neighbours at 1 and at 2 pixels (T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution gray-scale and
      rotation invariant texture classification with local binary patterns", TPAMI 2002); not rotation invariant,
      since print is not.
    * Edges (288 numbers, share 0.2): gradient orientations, 8 of them, in 6×6 cells (N. Dalal, B. Triggs,
      "Histograms of oriented gradients for human detection", CVPR 2005).

    The power 0.3 stands where Hellinger's square root usually does (H. Jégou, O. Chum, "Negative evidences and
    co-occurences in image retrieval", ECCV 2012, on why bursts must be tamed): a white carton with a small red mark
    differs from one with a blue mark by a few pixels, and those must count. All constants were chosen on Grocery's
    validation images; ``benchmarks/results/weight_free.json`` holds what was tried.
    """

    name = "color_texture"
    dimension = COLOURS + len(PATTERN_RADII) * 256 + CELLS**2 * ORIENTATIONS
    default_recipe = f"resize={SIDE}"
    batch_size = 64
    duplicate_score = 0.97

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The descriptor of one RGB image: float32 (1664,).

        >>> red, blue = (np.full((9, 9, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 30, 200)))
        >>> same, other = (ColorTexture().extract([red, image]) for image in (red, blue))
        >>> bool(same[0] @ same[1] > other[0] @ other[1])
        True
        """
        if image.shape[:2] != (SIDE, SIDE):  # a recipe of the user's may end in another size
            image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        balanced = balance_light(image)
        grey = cv2.cvtColor(balanced, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
        blocks = [
            (COLOUR_SHARE, colour_histogram(balanced)),
            *((PATTERN_SHARE, pattern_histogram(grey, radius)) for radius in PATTERN_RADII),
            (EDGE_SHARE, edge_histogram(grey)),
        ]
        return np.concatenate([_weighted(block, share) for share, block in blocks]).astype(np.float32)


def balance_light(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Takes half of a colour cast out of a SIDE×SIDE RGB image, by the mean colour of its middle."""
    means = np.tensordot(LIGHT_WINDOW, image.astype(np.float32), axes=2)
    gains = (means.mean() / np.maximum(means, 4)) ** ILLUMINANT_CORRECTION
    table = np.clip(np.arange(256)[:, None] * gains[None, :], 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[None]).astype(np.uint8, copy=False)


def colour_histogram(image: NDArray[np.uint8]) -> Weights:
    """Joint L*a*b* histogram of a SIDE×SIDE RGB image, weighted towards the centre: (864,)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3).T.astype(np.intp, order="C")
    lightness, red_green, blue_yellow = (
        [(bins[values], shares[values]) for bins, shares in zip(*axis, strict=True)]
        for values, axis in zip(lab, (LIGHTNESS, RED_GREEN, BLUE_YELLOW), strict=True)
    )  # for each pixel the bin below and the bin above
    histogram = np.zeros(COLOURS)
    for (bins_l, share_l), (bins_a, share_a), (bins_b, share_b) in product(lightness, red_green, blue_yellow):
        histogram += _histogram(bins_l + bins_a + bins_b, COLOUR_WINDOW.ravel() * share_l * share_a * share_b, COLOURS)
    return histogram


def pattern_histogram(grey: Grey, radius: int) -> Weights:
    """Local binary patterns of a SIDE×SIDE grey image, weighted towards the centre: (256,).

    A bit says that the neighbour in one of eight directions is lighter by more than what noise does.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 * radius).astype(np.int16)
    padded = np.pad(smooth, radius, mode="edge")
    near, here, far = slice(0, SIDE), slice(radius, radius + SIDE), slice(2 * radius, 2 * radius + SIDE)
    around = [(near, near), (near, here), (near, far), (here, far), (far, far), (far, here), (far, near), (here, near)]
    threshold = smooth + PATTERN_NOISE
    patterns = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for bit, (rows, columns) in enumerate(around):
        patterns |= (padded[rows, columns] > threshold).view(np.uint8) << bit
    return _histogram(patterns, PATTERN_WINDOW, 256)


def edge_histogram(grey: Grey) -> Weights:
    """Gradient orientations of a SIDE×SIDE grey image in cells, weighted by strength and towards the centre: (288,).

    Every gradient is shared between the two orientations it lies between.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32)
    strength, angle = cv2.cartToPolar(
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)
    )
    turn = angle * (ORIENTATIONS / (2 * np.pi))
    lower = turn.astype(np.int32)
    upper_part = turn - lower
    votes, bins = strength * EDGE_WINDOW, CELL * ORIENTATIONS
    length = CELLS**2 * ORIENTATIONS
    return _histogram(bins + lower % ORIENTATIONS, votes * (1 - upper_part), length) + _histogram(
        bins + (lower + 1) % ORIENTATIONS, votes * upper_part, length
    )


def _histogram(bins: NDArray[np.integer], weights: NDArray[np.floating], length: int) -> Weights:
    return np.bincount(bins.ravel(), weights.ravel(), minlength=length).astype(np.float64, copy=False)


def _weighted(block: Weights, share: float) -> Weights:
    tamed = block**POWER
    length = np.linalg.norm(tamed)
    return tamed * (np.sqrt(share) / length) if length > 0 else tamed
