"""Transparency in all its encodings: kept where some pixel is not opaque, dropped where it says nothing."""

import struct

import numpy as np
import pytest
from PIL import Image

from util.images import read_image


@pytest.fixture(scope="module")
def cut_out(photo):
    """The photo, RGBA, with a ramp of transparency."""
    alpha = np.linspace(0, 255, photo.shape[1]).astype(np.uint8)
    return np.dstack([photo, np.broadcast_to(alpha, photo.shape[:2])])


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_alpha_is_kept_exactly(cut_out, encode, format, options):
    found = read_image(encode(cut_out, format, **options))
    np.testing.assert_array_equal(found, cut_out)
    assert found.flags.writeable


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_opaque_alpha_becomes_rgb(photo, encode, format):
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, dtype=np.uint8)])
    options = {"lossless": True} if format == "WEBP" else {}
    found = read_image(encode(opaque, format, **options))
    np.testing.assert_array_equal(found, photo)
    assert found.flags.c_contiguous


def test_a_single_pixel_that_is_almost_opaque_counts(photo, encode):
    nearly = np.dstack([photo, np.full(photo.shape[:2], 255, dtype=np.uint8)])
    nearly[3, 4, 3] = 254
    assert read_image(encode(nearly, "PNG")).shape[2] == 4


def test_grey_with_alpha(cut_out, encode):
    grey_alpha = np.ascontiguousarray(cut_out[..., [1, 3]])
    found = read_image(encode(Image.fromarray(grey_alpha, "LA"), "PNG"))
    np.testing.assert_array_equal(found, cut_out[..., [1, 1, 1, 3]])


def test_sixteen_bit_grey_with_alpha(make_png):
    values = np.random.default_rng(1).integers(0, 65536, (5, 6, 2), dtype=np.uint16)
    np.testing.assert_array_equal(read_image(make_png(values, 16, 4)), (values >> 8)[..., [0, 0, 0, 1]])


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP"])
def test_transparent_palette_entry(encode, format):
    indexed = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), "P")
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    if format == "WEBP":
        indexed.info["transparency"] = 1
        data = encode(indexed.convert("RGBA"), format, lossless=True)
    else:
        data = encode(indexed, format, transparency=1)
    found = read_image(data)
    np.testing.assert_array_equal(found[..., 3], [[255, 0], [255, 0]])
    np.testing.assert_array_equal(found[found[..., 3] == 255][:, :3], [[255, 0, 0], [0, 0, 255]])


def test_palette_with_an_alpha_for_each_entry(make_png):
    indices = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    palette = bytes([10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3])
    found = read_image(make_png(indices, 8, 3, (b"PLTE", palette), (b"tRNS", bytes([0, 100, 255]))))
    assert found[0].tolist() == [[10, 20, 30, 0], [40, 50, 60, 100], [70, 80, 90, 255], [1, 2, 3, 255]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_grey_level_at_every_depth(make_png, bits):
    top = (1 << bits) - 1
    levels = np.array([[0, 1, top, top // 2 + 1]], dtype=np.uint16)
    found = read_image(make_png(levels, bits, 0, (b"tRNS", struct.pack(">H", 1))))
    np.testing.assert_array_equal(found[0, :, 3], np.where(levels[0] == 1, 0, 255))
    np.testing.assert_array_equal(found[0, :, 0], levels[0] >> 8 if bits == 16 else levels[0] * 255 // top)


@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_colour(make_png, bits):
    shift = bits - 8
    colours = (np.array([[[10, 20, 30], [10, 20, 31], [0, 0, 0]]]) << shift).astype(np.uint16)
    key = struct.pack(">HHH", *(int(channel) for channel in colours[0, 0]))
    found = read_image(make_png(colours, bits, 2, (b"tRNS", key)))
    assert found[0].tolist() == [[10, 20, 30, 0], [10, 20, 31, 255], [0, 0, 0, 255]]


def test_transparent_colour_that_no_pixel_has_is_opaque(make_png):
    colours = np.full((2, 3, 3), 7, dtype=np.uint8)
    assert read_image(make_png(colours, 8, 2, (b"tRNS", struct.pack(">HHH", 1, 2, 3)))).shape == (2, 3, 3)
