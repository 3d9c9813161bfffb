"""What is not an image, is cut off, damaged or too large ends in one clear error, whatever Pillow makes of it."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from util.errors import ImageError, ImageTooLargeError, InvalidInputError
from util.images import DEFAULT_LIMITS, ImageLimits, read_image

LOSSY = {"JPEG": {"quality": 85}, "WEBP": {"quality": 80}}
FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"hello", "is not an image"),
        (b"\0" * 1000, "is not an image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b"\xef\xbb\xbf\n  <svg xmlns=", "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC or AVIF image: convert it"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avif", "a HEIC or AVIF image"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "header is damaged"),
        (b"\xff\xd8\xff\xe0", "header is damaged"),
        (b"GIF89a", "header is damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is not an image"),  # Pillow would start Ghostscript
        (b"P6 1 1 255\n\0\0\0", "is not an image"),
    ],
)
def test_what_is_not_an_image(data, reason):
    with pytest.raises(ImageError) as caught:
        read_image(data, name="shelf/7.jpg")
    assert str(caught.value).startswith("shelf/7.jpg: ")
    assert reason in caught.value.reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_an_error(photo, encode, format, share):
    busy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)  # so that pixels fill the file
    data = encode(busy, format, **LOSSY.get(format, {}))
    with pytest.raises(ImageError):
        read_image(data[: int(len(data) * share)])


def test_a_cut_off_jpeg_is_called_so(photo, encode):
    data = encode(photo, "JPEG")
    with pytest.raises(ImageError, match=r"cut off .* copy or download it again"):
        read_image(data[:-30])


def test_truncated_images_stay_an_error_process_wide():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with_size(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))


def jpeg_with_size(width, height):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_with_size(width, height):
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b",\0\0\0\0"
        + struct.pack("<HHB", 1, 1, 0)
        + b"\x02"
    )


def bmp_with_size(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def webp_with_size(width, height):
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + b"\0\0\0\0"
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def tiff_with_size(width, height):
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"


LYING_HEADERS = [png_with_size, jpeg_with_size, gif_with_size, bmp_with_size, tiff_with_size]


@pytest.mark.filterwarnings("ignore:::PIL")  # pytest undoes the filter that util.images sets
@pytest.mark.parametrize("make", LYING_HEADERS)
@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000), (65_500, 65_500)])
def test_pixels_over_the_limit_are_refused_from_the_header(make, size):
    with pytest.raises(ImageTooLargeError) as caught:
        read_image(make(*size), name="bomb")
    assert caught.value.source == "bomb"
    assert "pixels" in caught.value.reason


def test_a_webp_that_claims_a_huge_canvas_is_refused():
    with pytest.raises(ImageError):
        read_image(webp_with_size(16_000, 16_000))


@pytest.mark.parametrize("format", FORMATS)
def test_pixel_limit_is_exact(photo, encode, format):
    height, width = photo.shape[:2]
    data = encode(photo, format)
    assert read_image(data, limits=ImageLimits(max_pixels=width * height)).shape == photo.shape
    with pytest.raises(ImageTooLargeError, match="56×40 is over the limit of 2,239 pixels"):
        read_image(data, limits=ImageLimits(max_pixels=width * height - 1))


def test_byte_limit_is_exact(photo, encode):
    data = encode(photo, "PNG")
    assert read_image(data, limits=ImageLimits(max_bytes=len(data))).shape == photo.shape
    with pytest.raises(ImageTooLargeError, match="raise the byte limit"):
        read_image(data, limits=ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize(
    "wrong", [{"max_bytes": 0}, {"max_pixels": -1}, {"max_seconds": 0}, {"max_seconds": float("nan")}]
)
def test_limits_must_be_positive(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        ImageLimits(**wrong)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_text_that_unpacks_to_a_bomb_is_an_error(photo, make_png, kind):
    packed = zlib.compress(b"a" * 200_000_000, 9)
    body = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind] + packed
    with pytest.raises(ImageError, match="damaged"):
        read_image(make_png(photo, 8, 2, (kind, body)))


def test_a_jpeg_of_countless_scans_is_refused(encode):
    data = encode(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="more than 100 scans: save it again"):
        read_image(data[:-2] + last_scan * 200 + data[-2:])


def test_an_ordinary_progressive_jpeg_with_a_video_behind_it_is_fine(photo, encode):
    """Phones append a short film to a photo; in its bytes anything may be found, scan markers too."""
    data = encode(photo, "JPEG", progressive=True)
    np.testing.assert_array_equal(read_image(data + b"\0\2" + b"\xff\xda\0\2" * 500), read_image(data))


@pytest.mark.parametrize("source", [None, 7, ["a.jpg"]])
def test_other_types_are_refused(source):
    with pytest.raises(InvalidInputError, match="a path, a URL, bytes or an array"):
        read_image(source)


@pytest.mark.filterwarnings("ignore:::PIL")
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"GIF89a"]),
)
def test_random_bytes_are_an_image_error_and_nothing_else(noise, magic):
    with pytest.raises(ImageError):
        read_image(magic + noise, limits=DEFAULT_LIMITS)
