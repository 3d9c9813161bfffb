"""Exposure correction: LIME brightens what is dark, DUAL also brings back what is blown out.

LIME: X. Guo, Y. Li and H. Ling, "LIME: Low-Light Image Enhancement via Illumination Map Estimation", *IEEE
Transactions on Image Processing* 26, 2017. DUAL: Q. Zhang, Y. Nie and W.-S. Zheng, "Dual Illumination Estimation for
Robust Exposure Correction", *Computer Graphics Forum* 38, 2019 (arXiv:1910.13688).

An image I in [0, 1] is taken as reflectance times illumination. The illumination starts as the largest of R, G and B
at each pixel and is smoothed where the image has texture, kept where it has structure; dividing by it (to the power
gamma) lights up dark parts. The inverted image, corrected in the same way and inverted back, shows what was
over-exposed. DUAL fuses the image and both corrections by Mertens' exposure fusion.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.preprocess.fusion import fuse_exposures
from util.preprocess.pixels import Image, has_alpha, require_image

Method: TypeAlias = Literal["dual", "lime"]
Plane: TypeAlias = NDArray[np.floating]

_WINDOW = 15  # pixels, of the Gaussian that tells texture from structure
_MOST_PIXELS = 2_000_000  # both solutions together need almost a kilobyte a pixel


def correct_exposure(
    image: Image,
    *,
    method: Method = "dual",
    gamma: float = 0.6,
    lambda_: float = 0.15,
    sigma: float = 3.0,
    bc: float = 1.0,
    bs: float = 1.0,
    be: float = 1.0,
    eps: float = 1e-3,
) -> Image:
    """Corrects the exposure of an image.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA).
        method: ``dual`` mends dark and blown-out parts, ``lime`` dark ones only.
        gamma: strength, above 0: the illumination is divided out to this power. Smaller keeps more of the image as it
            is, 1 lights everything up fully.
        lambda_: smoothness of the illumination, at least 0: larger spreads light over larger regions.
        sigma: reach, in pixels, of the window in which texture is told from structure.
        bc: weight of contrast in the fusion (``dual``).
        bs: weight of saturation.
        be: weight of good exposure.
        eps: guards the divisions, and is the darkest illumination assumed.

    Returns:
        uint8 of the same shape; alpha as it was. Fully see-through pixels count as black.

    Raises:
        InvalidInputError: if the image or a parameter cannot be used.
        ImageError: if it has more than two million pixels.
    """
    _check(gamma=gamma, lambda_=lambda_, sigma=sigma, eps=eps)
    if method not in ("dual", "lime"):
        raise InvalidInputError(f"exposure is corrected by dual or lime, not {method!r}")
    if method == "lime":
        return _with_alpha_of(image, _correct_under(_unit(image), gamma, lambda_, sigma, eps))
    under, over = exposure_pair(image, gamma=gamma, lambda_=lambda_, sigma=sigma, eps=eps)
    fused = fuse_exposures([_visible(image), under, over], contrast=bc, saturation=bs, exposedness=be)
    return _with_alpha_of(image, fused)


def exposure_pair(
    image: Image, *, gamma: float = 0.6, lambda_: float = 0.15, sigma: float = 3.0, eps: float = 1e-3
) -> tuple[Image, Image]:
    """The two corrected images that DUAL fuses: input channels of the nine-channel network.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA); fully see-through pixels count as black.
        gamma: as in ``correct_exposure``.
        lambda_: likewise.
        sigma: likewise.
        eps: likewise.

    Returns:
        (under-exposure corrected, over-exposure corrected), each uint8 H×W×3 RGB.

    Raises:
        InvalidInputError: if the image or a parameter cannot be used.
        ImageError: if it has more than two million pixels.
    """
    _check(gamma=gamma, lambda_=lambda_, sigma=sigma, eps=eps)
    unit = _unit(image)
    with ThreadPoolExecutor(1, thread_name_prefix="exposure") as second:  # the solver leaves the GIL to others
        inverted = second.submit(_correct_under, 1 - unit, gamma, lambda_, sigma, eps)
        under = _correct_under(unit, gamma, lambda_, sigma, eps)
        over = 1 - inverted.result()
    return _as_uint8(under), _as_uint8(over)


def illumination(brightness: Plane, *, lambda_: float = 0.15, sigma: float = 3.0, eps: float = 1e-3) -> Plane:
    """The smooth illumination map of LIME's fast solver: one linear system, no iteration.

    Each pixel is pulled to its own brightness with strength 1 and to each of its four neighbours with a strength that
    belongs to the neighbour: high in flat and textured parts, low at structure.

    Args:
        brightness: float (H, W) in [0, 1], the first estimate.
        lambda_: smoothness.
        sigma: reach of the window, pixels.
        eps: guards the divisions.

    Returns:
        float32 (H, W).
    """
    from util.preprocess.grid_walk import solve

    across = lambda_ * _smoothness(brightness, 1, 0, sigma, eps)
    down = lambda_ * _smoothness(brightness, 0, 1, sigma, eps)
    return solve(across, down, brightness)


def _smoothness(brightness: Plane, dx: int, dy: int, sigma: float, eps: float) -> Plane:
    """How strongly a pixel holds on to its neighbours along one direction: (H, W)."""
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    bell = np.exp(-(offsets**2) / (2 * sigma**2))  # unnormalised; exp of a sum is a product, so it is separable
    rows, columns = (np.convolve(np.ones(length), bell)[_WINDOW // 2 :][:length] for length in brightness.shape)
    gradient = cv2.Sobel(brightness, cv2.CV_64F, dx, dy, ksize=1)
    windowed = cv2.sepFilter2D(gradient, cv2.CV_64F, bell, bell, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.outer(rows, columns) / ((np.abs(windowed) + eps) * (np.abs(gradient) + eps)))


def _correct_under(unit: Plane, gamma: float, lambda_: float, sigma: float, eps: float) -> Plane:
    brightness = np.maximum(np.maximum(unit[..., 0], unit[..., 1]), unit[..., 2])  # ten times as fast as max(axis=2)
    light = illumination(brightness, lambda_=lambda_, sigma=sigma, eps=eps)
    return unit / np.clip(light, eps, 1)[..., None] ** gamma


def _unit(image: Image) -> Plane:
    """RGB in [0, 1], black where it is see-through: what lies hidden there must not shine on what is seen."""
    require_image(image)
    height, width = image.shape[:2]
    if height * width > _MOST_PIXELS:
        raise ImageError(
            f"an image of {width}×{height} pixels",
            f"correcting its exposure takes at most {_MOST_PIXELS:,} pixels: resize it first, as in longest=1024",
        )
    return _visible(image).astype(np.float64) / 255


def _visible(image: Image) -> Image:
    return np.where(image[..., 3:] > 0, image[..., :3], np.uint8(0)) if has_alpha(image) else image


def _as_uint8(unit: Plane) -> Image:
    return np.clip(unit * 255, 0, 255).astype(np.uint8)  # cut, not rounded, as the published implementation does


def _with_alpha_of(image: Image, unit: Plane) -> Image:
    rgb = _as_uint8(unit)
    return np.dstack([rgb, image[..., 3]]) if has_alpha(image) else rgb


def _check(*, gamma: float, lambda_: float, sigma: float, eps: float) -> None:
    for name, value, least in (("gamma", gamma, 0), ("sigma", sigma, 0), ("eps", eps, 0)):
        if not (np.isfinite(value) and value > least):
            raise InvalidInputError(f"{name} of the exposure correction must be above {least}, not {value}")
    if not (np.isfinite(lambda_) and lambda_ >= 0):
        raise InvalidInputError(f"lambda of the exposure correction must be at least 0, not {lambda_}")
