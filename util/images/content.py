"""The identity of an image file: the hash of its bytes."""

from __future__ import annotations

import hashlib


def content_hash(data: bytes) -> str:
    """sha256 of a file's bytes, as 64 hexadecimal digits.

    >>> content_hash(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()
