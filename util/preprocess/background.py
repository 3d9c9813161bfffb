"""Background removal: the item alone, on a see-through ground."""

from __future__ import annotations

from util.preprocess.grabcut import grabcut_alpha
from util.preprocess.pixels import Image, has_alpha, require_image
from util.preprocess.rembg_models import cut_out

GRABCUT = "grabcut"
NONE = "none"


def remove_background(
    image: Image,
    *,
    method: str = "u2netp",
    matting: bool = False,
    foreground: int = 240,
    background: int = 10,
    erode: int = 10,
    base: int = 1000,
) -> Image:
    """Makes everything but the item see-through.

    An image that has an alpha plane has been cut out already and is returned as it is.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA).
        method: a model of rembg (``u2netp``, ``u2net``, ``isnet-general-use``, ``birefnet-general`` …), whose weights
            are downloaded at first use; ``grabcut``, which needs none; or ``none``.
        matting: refines the edge by closed-form alpha matting (rembg's models only); slow, worth it for hair and glass.
        foreground: mask values above it are surely the item, for the matting, in [0, 255].
        background: mask values below it are surely not.
        erode: pixels by which both sure regions are shrunk, so that the edge between them is decided by the matting.
        base: pixels of the longer side at which the matting is done, at most; larger photos get its enlarged mask.

    Returns:
        uint8 H×W×4 (RGBA); H×W×3 as it was for ``none``. Where no item is found, everything stays visible.

    Raises:
        InvalidInputError: if there is no such method.
        WeightsMissingError: if the model's weights are neither here nor downloadable; says which file to put where.
    """
    require_image(image)
    if has_alpha(image) or method == NONE:
        return image
    if method == GRABCUT:
        return grabcut_alpha(image)
    return cut_out(
        image, model=method, matting=matting, foreground=foreground, background=background, erode=erode, base=base
    )
