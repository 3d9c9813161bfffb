"""Counting the scans of a JPEG."""

import numpy as np
import pytest

from util.images.jpeg_scans import has_too_many_scans


def test_counts_the_scans_that_pillow_wrote(photo, encode):
    data = encode(photo, "JPEG", progressive=True)
    scans = data.count(b"\xff\xda")  # nothing but the image is in this file
    assert scans > 3
    assert has_too_many_scans(data, limit=scans - 1)
    assert not has_too_many_scans(data, limit=scans)


def test_a_thumbnail_inside_and_bytes_behind_do_not_count(photo, encode):
    thumbnail = encode(np.zeros((8, 8, 3), np.uint8), "JPEG", progressive=True)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = encode(photo, "JPEG")
    data = data[:2] + segment + data[2:] + b"\0\2" + b"\xff\xda\0\2" * 9
    assert not has_too_many_scans(data, limit=1)
    assert has_too_many_scans(data, limit=0)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff", b"\xff\xd8\xff\xda", b"\xff\xd8" + b"\xff" * 100])
def test_stumps_are_counted_without_error(data):
    assert not has_too_many_scans(data)
