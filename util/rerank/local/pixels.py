"""Photos as local features want them: grey, opaque, and small enough."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError


def on_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo without transparency: what is see-through turns white.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA).

    Returns:
        uint8 H×W×3, RGB; the very same array where it was opaque.

    Raises:
        InvalidInputError: if it is no such array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise InvalidInputError(f"a photo is uint8 H×W×3 (RGB) or H×W×4 (RGBA), got {image.dtype} {image.shape}")
    if image.shape[2] == 3:
        return image
    alpha = image[:, :, 3:].astype(np.float32) / 255
    return np.rint(image[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def fit_within(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """The photo with no side longer than ``side`` pixels, and what one of its pixels measures in the original.

    A smaller photo stays as it is: enlarging it adds nothing.

    >>> small, pixel = fit_within(np.zeros((960, 480, 3), np.uint8), 480)
    >>> small.shape, pixel
    ((480, 240, 3), 2.0)
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return image, 1.0
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), longest / side


def grey_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lightness of an RGB photo: uint8 H×W."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
