"""Images that come as base64 text or ``data:`` URLs."""

from __future__ import annotations

import base64
import binascii
import re

from util.errors import ImageError
from util.images.limits import DEFAULT_LIMITS, ImageLimits

_SOURCE = "base64 text"
_DATA_URL = re.compile(r"\s*data:(?P<parameters>[^,]{0,200}),", re.IGNORECASE)


def is_data_url(text: str) -> bool:
    """Whether a text is a ``data:`` URL rather than a path.

    >>> is_data_url("data:image/png;base64,iVBOR"), is_data_url("data/shelf.png")
    (True, False)
    """
    return text[:16].lstrip().lower().startswith("data:")


def decode_base64(text: str, *, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    r"""Bytes of an image given as base64, plain or as a ``data:…;base64,`` URL; white space is ignored.

    Args:
        text: the base64 text, in the standard or the URL-safe alphabet.
        limits: ``max_bytes`` bounds the result and is checked before anything is decoded.

    Raises:
        ImageError: if the text is no base64; ``ImageTooLargeError`` if it holds more than the limit.

    >>> decode_base64("data:image/png;base64, aGVs\nbG8=")
    b'hello'
    """
    payload = _payload(text)
    limits.check_bytes(len(payload) * 3 // 4 - payload.count("=", -2), _SOURCE)
    try:
        return base64.b64decode(payload.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(_SOURCE, f"is not valid base64 ({error}): encode the image file's bytes again") from error


def _payload(text: str) -> str:
    if is_data_url(text):
        header = _DATA_URL.match(text)
        if header is None or not header["parameters"].lower().rstrip().endswith("base64"):
            raise ImageError("data URL", "holds no base64: write data:image/png;base64,… with the encoded file")
        text = text[header.end() :]
    payload = "".join(text.split())
    if not payload:
        raise ImageError(_SOURCE, "is empty: encode an image file's bytes")
    return payload
