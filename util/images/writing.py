"""Encoding images, and writing them whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from util.errors import ImageError, InvalidInputError

_ENCODINGS: dict[str, tuple[str, dict[str, int | bool]]] = {
    ".png": ("PNG", {"compress_level": 3}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
}


def write_image(path: str | Path, image: NDArray[np.uint8]) -> None:
    """Writes an image as its file's suffix says; a crash leaves the old file or the new one, never half of one.

    Args:
        path: ends in .png or .webp (both exact, with transparency), or in .jpg or .jpeg (quality 95, full colour
            resolution, no transparency). Its folder must exist.
        image: uint8 H×W×3 RGB or H×W×4 RGBA.

    Raises:
        InvalidInputError: if the suffix, the array or their combination cannot be written.
        ImageError: if the file cannot be written.
    """
    target = Path(path)
    encoding = _encoding(target, image)
    draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            Image.fromarray(image).save(file, encoding[0], **encoding[1])
        os.replace(draft, target)  # noqa: PTH105 - named so everywhere for what it promises
    except (OSError, ValueError) as error:
        raise ImageError(str(path), f"cannot be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        draft.unlink(missing_ok=True)


def encode_bmp(image: NDArray[np.uint8]) -> bytes:
    """uint8 H×W×3 RGB as a BMP file: exact, quick, and the same bytes whatever the library versions."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "BMP")
    return file.getvalue()


def _encoding(path: Path, image: NDArray[np.uint8]) -> tuple[str, dict[str, int | bool]]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or image.size == 0:
        raise InvalidInputError(f"{path}: an image is uint8 H×W×3 or H×W×4, not {image.dtype} of shape {image.shape}")
    encoding = _ENCODINGS.get(path.suffix.lower())
    if encoding is None:
        raise InvalidInputError(f"{path}: cannot write {path.suffix or 'a name without suffix'}: use .png, .webp, .jpg")
    if encoding[0] == "JPEG" and image.shape[2] == 4:
        raise InvalidInputError(f"{path}: JPEG has no transparency: write .png or .webp, or drop the alpha channel")
    return encoding
