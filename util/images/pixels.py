"""Arrays of any usual kind of pixel to uint8 RGB or RGBA."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError


def pixels_from_array(array: NDArray[np.generic], *, name: str) -> NDArray[np.uint8]:
    """An array that already holds an image, in the form ``read_image`` returns.

    Args:
        array: H×W or H×W×1 (grey), H×W×3 (RGB) or H×W×4 (RGBA); uint8, uint16 (its high byte counts), bool, or
            floating point in [0, 1].
        name: what errors call the image.

    Returns:
        uint8 H×W×3, or H×W×4 where the alpha channel is not all opaque; C-contiguous. The array itself, not a copy,
        where it already is that.

    Raises:
        ImageError: if shape, type or range is another.

    >>> pixels_from_array(np.array([[0.0, 1.0]]), name="ramp").tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    if array.size == 0 or not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(name, f"an image array is H×W, H×W×3 (RGB) or H×W×4 (RGBA), not of shape {array.shape}")
    levels = _levels(array, name)
    if grey:
        return spread_grey(levels.reshape(array.shape[:2]))
    return np.ascontiguousarray(levels if array.shape[2] == 3 else without_opaque_alpha(levels))


def spread_grey(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 H×W grey levels as H×W×3 RGB."""
    return np.repeat(levels[..., np.newaxis], 3, axis=2)


def without_opaque_alpha(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 H×W×4 as it is, or its H×W×3 RGB part where alpha is 255 throughout and so says nothing."""
    return np.ascontiguousarray(rgba[..., :3]) if rgba[..., 3].min() == 255 else rgba


def levels_from_unit_floats(values: NDArray[np.floating], *, name: str) -> NDArray[np.uint8]:
    """[0, 1] to [0, 255], rounded.

    Raises:
        ImageError: if a value lies outside or is not a number; such pixels have no agreed brightness.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails too
        raise ImageError(
            name, f"floating-point pixels must lie in [0, 1], these lie in [{low:g}, {high:g}]: scale them or use uint8"
        )
    levels: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return levels


def _levels(array: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.view(np.uint8)
    if np.issubdtype(array.dtype, np.uint16):  # of either byte order
        return (array.astype(np.uint16) >> 8).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.floating):
        return levels_from_unit_floats(array.astype(np.float32), name=name)
    raise ImageError(name, f"an image array is uint8, uint16, bool or floating point in [0, 1], not {array.dtype}")
