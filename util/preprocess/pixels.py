"""What every preprocessing step asks of an image, and how opaque and see-through pixels are told apart."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError

Image: TypeAlias = NDArray[np.uint8]
"""uint8, H×W×3 (RGB) or H×W×4 (RGBA, alpha not multiplied in), H and W at least 1."""

MAX_PIXELS = 100_000_000
"""No step makes a larger image: a strip of 1×60,000 pixels must not become a square of eleven gigabytes."""

COLOURS = {"black": 0, "grey": 128, "white": 255}


def require_image(image: Image) -> None:
    """Refuses what is not an image.

    Raises:
        InvalidInputError: if the array is not uint8 H×W×3 or H×W×4 with at least one pixel.
    """
    if not isinstance(image, np.ndarray):
        raise InvalidInputError(f"an image must be a uint8 array, not {type(image).__name__}: read it by util.images")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or image.size == 0:
        raise InvalidInputError(
            f"an image must be uint8 H×W×3 (RGB) or H×W×4 (RGBA), not {image.dtype} {image.shape}: "
            "read it by util.images"
        )


def require_feasible(height: int, width: int, source: Image, made_by: str) -> None:
    """Refuses to make an image of more than ``MAX_PIXELS``.

    Raises:
        ImageError: naming the size of the source and of the result.
    """
    if height * width > MAX_PIXELS:
        given = f"an image of {source.shape[1]}×{source.shape[0]} pixels"
        raise ImageError(given, f"{made_by} would make it {width}×{height}: crop it or resize it first")


def has_alpha(image: Image) -> bool:
    """Whether the image has an alpha plane."""
    return bool(image.shape[2] == 4)


def flatten(image: Image, *, background: str = "black") -> Image:
    """Composites an image with alpha on one colour.

    Args:
        image: uint8 H×W×3 or H×W×4. Without alpha it is returned as it is.
        background: ``black``, ``white`` or ``grey``.

    Returns:
        uint8 H×W×3 RGB.

    >>> half_red = np.array([[[200, 0, 0, 128]]], dtype=np.uint8)
    >>> flatten(half_red).tolist(), flatten(half_red, background="white").tolist()
    ([[[100, 0, 0]]], [[[227, 127, 127]]])
    """
    require_image(image)
    level = colour(background)
    if not has_alpha(image):
        return image
    rgb, alpha = image[..., :3].astype(np.uint32), image[..., 3:].astype(np.uint32)
    return ((rgb * alpha + level * (255 - alpha) + 127) // 255).astype(np.uint8)


def colour(name: str) -> int:
    """The grey level of a named background.

    Raises:
        InvalidInputError: if there is no background of this name.
    """
    if name not in COLOURS:
        raise InvalidInputError(f"no background colour {name!r}: take one of {', '.join(COLOURS)}")
    return COLOURS[name]
