"""What an image can be read from, and the two functions that read it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.images.base64_text import decode_base64, is_data_url
from util.images.decoding import decode
from util.images.files import read_file
from util.images.limits import DEFAULT_LIMITS, ImageLimits
from util.images.pixels import pixels_from_array
from util.images.video import read_frame, split_frame_address
from util.images.writing import encode_bmp

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_bytes(
    source: str | Path,
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    allow_urls: bool = False,
    allow_private_networks: bool = False,
) -> bytes:
    """The encoded bytes of an image, for hashing and for ``read_image``.

    Args:
        source: path of a file; an http(s) URL; a ``data:`` URL with base64; or a frame of a video as
            :func:`list_frames` names it (``clip.mp4#frame=30``), which comes as a BMP file.
        limits: ``max_bytes`` is enforced before or while reading, ``max_seconds`` on downloads.
        allow_urls: whether http(s) URLs are fetched.
        allow_private_networks: whether they may lead to this machine and private networks.

    Returns:
        The bytes, at least one.

    Raises:
        ImageError: if there is nothing to read there, naming ``source`` and the reason.
        ImageTooLargeError: if it is over the byte limit (or, for a frame, the pixel limit).
    """
    if isinstance(source, str) and is_data_url(source):
        return decode_base64(source, limits=limits)
    if isinstance(source, str) and _SCHEME.match(source):
        return _read_url(source, limits, allow_urls, allow_private_networks)
    file, frame = split_frame_address(str(source))
    if frame is None:
        return read_file(Path(source), limits=limits)
    return encode_bmp(read_frame(Path(file), frame, limits=limits))


def read_image(
    source: str | Path | bytes | NDArray[np.generic],
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    allow_urls: bool = False,
    allow_private_networks: bool = False,
    name: str | None = None,
) -> NDArray[np.uint8]:
    """The one way from anything that holds an image to pixels.

    Args:
        source: a path; an http(s) or ``data:`` URL; a frame of a video (``clip.mp4#frame=30``); the bytes of an image
            file; or an array: H×W grey, H×W×3 RGB or H×W×4 RGBA, of uint8, uint16, bool, or floats in [0, 1].
        limits: bytes and pixels beyond which an image is refused before it is decoded. An array is taken as it is.
        allow_urls: whether http(s) URLs are fetched.
        allow_private_networks: whether they may lead to this machine and private networks.
        name: what errors call the image; by default its path or URL.

    Returns:
        uint8 H×W×3, RGB, or H×W×4, RGBA (colours not premultiplied), where some pixel is not fully opaque. Turned
        upright as EXIF (or the video) says. Of an animation or a document, the first frame or page. An array that
        already has this form is returned itself; anything else comes as a new, writable array.

    Raises:
        ImageError: if it cannot be read or decoded, naming the image and the reason.
        ImageTooLargeError: if it is over a limit.
        InvalidInputError: if ``source`` is of another type.

    >>> read_image(np.zeros((2, 3), dtype=np.uint8)).shape
    (2, 3, 3)
    """
    if isinstance(source, np.ndarray):
        return pixels_from_array(source, name=name or "array")
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), name=name or "image", limits=limits)
    if not isinstance(source, str | Path):
        raise InvalidInputError(f"an image is a path, a URL, bytes or an array, not {type(source).__name__}")
    file, frame = split_frame_address(str(source))
    if frame is not None and not _SCHEME.match(str(source)):
        return read_frame(Path(file), frame, limits=limits)
    data = read_bytes(source, limits=limits, allow_urls=allow_urls, allow_private_networks=allow_private_networks)
    return decode(data, name=name or ("data URL" if is_data_url(str(source)) else str(source)), limits=limits)


def _read_url(url: str, limits: ImageLimits, allow_urls: bool, allow_private_networks: bool) -> bytes:
    from util.images.urls import fetch, is_url  # http and ssl are slow to import and seldom used

    if not is_url(url):
        raise ImageError(url, "only http and https URLs can be read: give a path, or download the file")
    if not allow_urls:
        raise ImageError(url, "URLs are not read unless they are allowed: allow URLs, or download the file")
    return fetch(url, limits=limits, allow_private_networks=allow_private_networks)
