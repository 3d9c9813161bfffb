"""Telling a JPEG that is built to keep the decoder busy.

A progressive JPEG is decoded once over all its pixels for every scan, and an empty scan takes some twenty bytes: a
file of a few megabytes can keep libjpeg at work for hours. Encoders write about ten scans. libjpeg-turbo describes the
problem (https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf) and leaves the limit to the
application; Pillow sets none.
"""

from __future__ import annotations

import re

MAX_SCANS = 100

_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, 0xD8})
# Within the coded pixels 0xFF is followed by 0x00 (a literal 0xFF) or a restart marker, D0 to D7.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def has_too_many_scans(data: bytes, limit: int = MAX_SCANS) -> bool:
    """Whether a JPEG holds more than ``limit`` scans before its end-of-image marker."""
    scans, position = 0, 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            return False
        scans += marker == _START_OF_SCAN
        if scans > limit:
            return True
        if marker not in _WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return False
