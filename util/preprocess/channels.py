"""Nine input channels instead of three: what AlphaAlexNet sees, and what an earlier system of its kind really saw."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.preprocess.pixels import Image, flatten

KINDS = ("exposure", "transposed")
"""What the six channels after red, green and blue can be."""


def nine_channels(image: Image, *, kind: str, gamma: float = 0.6, lambda_: float = 0.15, sigma: float = 3.0,
                  eps: float = 1e-3) -> NDArray[np.uint8]:  # fmt: skip
    """The image followed by two images made from it.

    ``exposure``: the under-exposure-corrected and the over-exposure-corrected image, as
    ``util.preprocess.exposure.exposure_pair`` makes them, so that a network finds what is too dark or too bright in
    one picture well exposed in another. ``transposed``: rows and columns swapped, and inverted; the system that had
    the idea computed these by mistake, and they are here to be compared with.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4; see-through pixels count as black. ``transposed`` needs H = W.
        kind: ``exposure`` or ``transposed``.
        gamma: of the exposure correction, as the next three.
        lambda_: likewise.
        sigma: likewise.
        eps: likewise.

    Returns:
        uint8 H×W×9: red, green, blue; the first made image's; the second's.

    Raises:
        InvalidInputError: if the kind is unknown, or the image to be transposed is not a square.
        ImageError: if the exposure of so large an image cannot be corrected.

    >>> red = np.full((2, 2, 3), (255, 0, 0), dtype=np.uint8)
    >>> nine_channels(red, kind="transposed")[0, 0].tolist()
    [255, 0, 0, 255, 0, 0, 0, 255, 255]
    """
    rgb = np.ascontiguousarray(flatten(image))
    if kind == "transposed":
        return _stacked(rgb, _transposed(rgb), 255 - rgb)
    if kind != "exposure":
        raise InvalidInputError(f"the further channels are {' or '.join(KINDS)}, not {kind!r}")
    from util.preprocess.exposure import exposure_pair

    return _stacked(rgb, *exposure_pair(rgb, gamma=gamma, lambda_=lambda_, sigma=sigma, eps=eps))


def _stacked(*images: Image) -> NDArray[np.uint8]:
    """Images one behind the other: uint8 H×W×(3·N)."""
    return np.asarray(cv2.merge([plane for image in images for plane in cv2.split(image)]), dtype=np.uint8)


def _transposed(rgb: Image) -> Image:
    height, width = rgb.shape[:2]
    if height != width:
        raise InvalidInputError(
            f"only a square can be transposed in place, not {width}×{height}: put square or resize before the channels"
        )
    return np.ascontiguousarray(rgb.transpose(1, 0, 2))
