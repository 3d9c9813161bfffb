"""EXIF orientation, against its definition pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from util.images import read_image

# EXIF 2.32, tag 274: where the 0th row and the 0th column of the stored image belong in the upright one.
DEFINITION = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def naively_upright(stored, orientation):
    row_side, column_side = DEFINITION[orientation]
    height, width = stored.shape[:2]
    turned = row_side in ("left", "right")
    upright = np.zeros((width, height, *stored.shape[2:]) if turned else stored.shape, dtype=stored.dtype)
    for row in range(height):
        for column in range(width):
            place = {"top": row, "left": row, "bottom": height - 1 - row, "right": height - 1 - row}[row_side]
            other = {"left": column, "top": column, "right": width - 1 - column, "bottom": width - 1 - column}[
                column_side
            ]
            upright[(other, place) if turned else (place, other)] = stored[row, column]
    return upright


def exif_with(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_every_orientation_exactly(photo, encode, format, options, orientation):
    data = encode(photo, format, exif=exif_with(orientation), **options)
    np.testing.assert_array_equal(read_image(data), naively_upright(photo, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_jpeg(photo, encode, orientation):
    plain = read_image(encode(photo, "JPEG"))
    turned = read_image(encode(photo, "JPEG", exif=exif_with(orientation)))
    np.testing.assert_array_equal(turned, naively_upright(plain, orientation))


@pytest.mark.parametrize("orientation", [3, 6])
def test_every_kind_of_pixel_is_turned(photo, encode, orientation):
    kinds = {
        "RGBA": np.dstack([photo, photo[..., 0]]),
        "L": photo[..., 0].copy(),
        "I;16": photo[..., 0].astype(np.uint16) * 257,
    }
    for kind, values in kinds.items():
        turned = read_image(encode(values, "PNG", exif=exif_with(orientation)))
        np.testing.assert_array_equal(turned, naively_upright(read_image(values), orientation), err_msg=kind)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(photo, encode, orientation):
    np.testing.assert_array_equal(read_image(encode(photo, "PNG", exif=exif_with(orientation))), photo)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest undoes the filter that util.images sets
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff"]
)
def test_damaged_exif_counts_as_none(photo, encode, exif):
    plain = read_image(encode(photo, "JPEG"))
    np.testing.assert_array_equal(read_image(encode(photo, "JPEG", exif=exif)), plain)


def test_exif_after_the_pixels_of_a_png(photo, make_png):
    exif = exif_with(8).tobytes().removeprefix(b"Exif\0\0")
    np.testing.assert_array_equal(read_image(make_png(photo, 8, 2, after=(b"eXIf", exif))), naively_upright(photo, 8))
