"""Lightness normalisation: bring photos taken in different light to one mean lightness, colours untouched."""

from __future__ import annotations

import cv2
import numpy as np

from util.errors import InvalidInputError
from util.preprocess.pixels import Image, has_alpha, require_image


def normalise_lightness(image: Image, *, target: float = 180.0) -> Image:
    """Scales L of CIE L*a*b* so that its mean over the visible pixels is ``target``; what would exceed white is white.

    The mean comes out below the target where many pixels are cut at white. A black image has no lightness to scale
    and stays black.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA); pixels count by their alpha.
        target: mean lightness, on the scale of 8-bit L, where 0 is black and 255 white.

    Returns:
        uint8 of the same shape; alpha as it was.

    Raises:
        InvalidInputError: if the target is outside (0, 255].
    """
    require_image(image)
    if not 0 < target <= 255:
        raise InvalidInputError(f"the mean lightness aimed for is between 0 and 255, not {target}")
    lab = cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0].astype(np.float32)
    weights = image[..., 3].astype(np.float64) if has_alpha(image) else np.ones(lightness.shape)
    seen = float((lightness * weights).sum())
    if seen == 0:
        return image
    scale = target * float(weights.sum()) / seen
    lab[..., 0] = np.clip(np.rint(lightness * scale), 0, 255).astype(np.uint8)
    rgb: Image = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).astype(np.uint8, copy=False)
    return np.dstack([rgb, image[..., 3]]) if has_alpha(image) else rgb
