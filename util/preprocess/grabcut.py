"""Cut-outs without weights: GrabCut (Rother, Kolmogorov and Blake, "GrabCut", ACM Transactions on Graphics, 2004).

It learns the colours of item and background from the photo itself, so it works where the item stands out from what
is around it and lies roughly in the middle, as in photos taken of one thing.
"""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from util.preprocess.pixels import Image

_WORKING_SIDE = 192  # GrabCut's time grows with the pixels; colours and outline are clear at this size
_BORDER = 0.04  # the frame that is surely background, as a share of each side
_ELLIPSE = 0.42  # half-axes of the first guess, as shares of the sides
_ROUNDS = 3
_SMALLEST_SHARE = 0.08  # of the photo; less is a part of the item at best
_SMALLEST_SIDE = 8
# OpenCV seeds GrabCut's colour clusters from one generator for the whole process.
_SEEDED = threading.Lock()
_NO_FRAME = (0, 0, 1, 1)  # not looked at: the first guess is a mask


def grabcut_alpha(image: Image) -> Image:
    """Makes the background see-through.

    Args:
        image: uint8 H×W×3 RGB.

    Returns:
        uint8 H×W×4 RGBA; the same for the same pixels. Where no item can be made out (a plain photo, a very small
        one), everything stays visible.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    small = _shrunk(image, scale) if scale < 1 else np.ascontiguousarray(image)
    mask = _item_mask(small)
    if mask is None:
        return np.dstack([image, np.full((height, width), 255, dtype=np.uint8)])
    soft = cv2.GaussianBlur(mask * np.uint8(255), (3, 3), 0)
    alpha = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.dstack([image, _sharpened(alpha)])


def _shrunk(image: Image, scale: float) -> Image:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _item_mask(image: Image) -> NDArray[np.uint8] | None:
    """1 where the item is, in one piece without holes; ``None`` where no item can be made out."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_SIDE or image.reshape(-1, 3).std(axis=0).max() < 2:
        return None
    mask = _first_guess(height, width)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    with _SEEDED:
        cv2.setRNGSeed(0)
        cv2.grabCut(bgr, mask, _NO_FRAME, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    item = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return _largest_piece(cv2.morphologyEx(item, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))


def _first_guess(height: int, width: int) -> NDArray[np.uint8]:
    """Surely background at the border, probably the item in an ellipse in the middle."""
    mask = np.full((height, width), cv2.GC_PR_BGD, dtype=np.uint8)
    centre, axes = (width // 2, height // 2), (round(width * _ELLIPSE), round(height * _ELLIPSE))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, cv2.GC_PR_FGD, thickness=cv2.FILLED)
    x, y = max(1, round(width * _BORDER)), max(1, round(height * _BORDER))
    mask[:y], mask[-y:], mask[:, :x], mask[:, -x:] = (cv2.GC_BGD,) * 4
    return mask


def _largest_piece(item: NDArray[Any]) -> NDArray[np.uint8] | None:
    outlines, _ = cv2.findContours(item, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea, default=None)
    if largest is None or cv2.contourArea(largest) < _SMALLEST_SHARE * item.size:
        return None
    piece = np.zeros(item.shape, dtype=np.uint8)
    cv2.drawContours(piece, [largest], -1, 1, thickness=cv2.FILLED)  # filled: a label is no hole in its bottle
    return piece


def _sharpened(alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """A steeper edge: enlarging the mask has made it many pixels wide."""
    steep = (alpha.astype(np.float32) - 127.5) * 2 + 127.5
    sharp: NDArray[np.uint8] = np.clip(np.rint(steep), 0, 255).astype(np.uint8)
    return sharp
