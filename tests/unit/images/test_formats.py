"""Every format and kind of pixel, against the pixels that went in or another decoder."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from util.errors import ImageError
from util.images import read_image


def tiff(values, **options):
    """A TIFF file as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def deep():
    """Random 16-bit colours, 30×20×4."""
    return np.random.default_rng(3).integers(0, 65536, (30, 20, 4), dtype=np.uint16)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
    ],
)
def test_lossless_formats_are_exact(photo, encode, format, options):
    found = read_image(encode(photo, format, **options))
    np.testing.assert_array_equal(found, photo)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert found.flags.writeable


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 60, "progressive": True}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("WEBP", {"quality": 80}),
        ("TIFF", {"compression": "jpeg", "quality": 90}),
    ],
)
def test_lossy_formats_agree_with_opencv(photo, encode, format, options):
    data = encode(photo, format, **options)
    other = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(read_image(data).astype(int) - other).max() <= 3
    assert np.abs(other.astype(int) - photo).mean() < 12  # and it is this photo, in this colour order


def test_colour_order_is_rgb(encode):
    red = np.zeros((16, 16, 3), dtype=np.uint8)
    red[..., 0] = 255
    for format in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"):
        red_part, green_part, blue_part = read_image(encode(red, format)).reshape(-1, 3).mean(axis=0)
        assert red_part > 250, format
        assert max(green_part, blue_part) < 5, format


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "GIF", "BMP"])
def test_grey_becomes_three_equal_channels(photo, encode, format):
    grey = np.ascontiguousarray(photo[..., 1])
    found = read_image(encode(grey, format))
    assert found.shape == (*grey.shape, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 1])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    assert np.abs(found[..., 0].astype(int) - grey).max() <= (4 if format == "JPEG" else 0)


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {"compression": "group4"})])
def test_one_bit_is_black_and_white(photo, encode, format, options):
    mask = photo[..., 0] > 128
    found = read_image(encode(Image.fromarray(mask), format, **options))
    np.testing.assert_array_equal(found, np.where(mask, 255, 0)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette_gives_its_colours(photo, encode, format):
    colours = photo // 64 * 80  # few enough for a palette without loss
    palette_image = Image.fromarray(colours).quantize(64, dither=Image.Dither.NONE)
    truth = np.asarray(palette_image.convert("RGB"))
    assert np.abs(truth.astype(int) - colours).max() == 0
    np.testing.assert_array_equal(read_image(encode(palette_image, format)), truth)


def test_animations_and_documents_give_their_first_frame(photo, encode):
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    for format, options in [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})]:
        data = encode(frames[0], format, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read_image(data), photo, err_msg=format)
    flat = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    gif = read_image(encode(flat[0], "GIF", save_all=True, append_images=flat[1:]))
    np.testing.assert_array_equal(gif, np.asarray(flat[0]))


def naive_rgb_from_cmyk(inks):
    cyan_magenta_yellow, black = inks[..., :3] / 255, inks[..., 3:] / 255
    return np.rint(255 * (1 - cyan_magenta_yellow) * (1 - black))


@pytest.mark.parametrize(("format", "options"), [("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0})])
def test_cmyk_is_converted_by_its_inks(photo, encode, format, options):
    inks = np.dstack([photo, photo[::-1, ::-1, 1] // 2])
    found = read_image(
        encode(Image.frombytes("CMYK", (photo.shape[1], photo.shape[0]), inks.tobytes()), format, **options)
    )
    assert np.abs(found - naive_rgb_from_cmyk(inks)).max() <= (6 if format == "JPEG" else 1)


@pytest.mark.parametrize("transform", [0, 2], ids=["CMYK", "YCCK"])
def test_photoshops_inverted_cmyk_jpegs_agree_with_opencv(photo, encode, transform):
    inks = np.dstack([photo, photo[::-1, ::-1, 1] // 2])
    data = bytearray(encode(Image.frombytes("CMYK", (56, 40), inks.tobytes()), "JPEG", quality=95, subsampling=0))
    marker = data.index(b"Adobe")
    data[marker + 11] = transform  # how the samples are to be understood
    other = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read_image(bytes(data)).astype(int) - other).max() <= 3


def test_paper_without_ink_is_white(encode):
    assert read_image(encode(Image.new("CMYK", (16, 16)), "JPEG", quality=100)).min() > 250


def test_sixteen_bits_keep_their_high_byte(deep, make_png):
    rgba, rgb, grey = deep, deep[..., :3].copy(), deep[..., 0].copy()
    truth = {"rgb": rgb >> 8, "rgba": rgba >> 8, "grey": (grey >> 8)[..., None].repeat(3, axis=2)}
    truth = {kind: values.astype(np.uint8) for kind, values in truth.items()}
    files = {
        "rgb": [make_png(rgb, 16, 2), tiff(rgb, photometric="rgb"), tiff(rgb, photometric="rgb", compression="zlib")],
        "rgba": [make_png(rgba, 16, 6), tiff(rgba, photometric="rgb", extrasamples=["unassalpha"], byteorder=">")],
        "grey": [make_png(grey, 16, 0), tiff(grey, photometric="minisblack", compression="zlib")],
    }
    files["rgb"].append(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())
    files["grey"].append(tiff(grey, photometric="minisblack", byteorder=">"))
    for kind, group in files.items():
        for number, data in enumerate(group):
            np.testing.assert_array_equal(read_image(data), truth[kind], err_msg=f"{kind} {number}")


def test_sixteen_bit_grey_is_scaled_and_not_clipped(make_png):
    ramp = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    assert read_image(make_png(ramp, 16, 0))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_whose_white_is_zero_is_turned_round(deep, bits, compression):
    grey = (deep[..., 0] >> (16 - bits)).astype(f"u{bits // 8}")
    found = read_image(tiff(grey, photometric="miniswhite", compression=compression))
    np.testing.assert_array_equal(found[..., 0], 255 - (grey >> (bits - 8)))


def test_twelve_bit_tiff_is_scaled_by_twelve_bits(deep):
    values = deep[..., 0] >> 4  # 30×20: two values in three bytes
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = np.column_stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255])
    data = bytearray(tiff(np.zeros((30, 30), dtype=np.uint8), photometric="minisblack"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages[0].tags
        start = file.pages[0].dataoffsets[0]
        data[tags["ImageWidth"].valueoffset : tags["ImageWidth"].valueoffset + 2] = (20).to_bytes(2, "little")
        data[tags["BitsPerSample"].valueoffset : tags["BitsPerSample"].valueoffset + 2] = (12).to_bytes(2, "little")
    data[start : start + 900] = packed.astype(np.uint8).tobytes()
    np.testing.assert_array_equal(read_image(bytes(data))[..., 0], values >> 4)


def test_floating_point_tiff_in_the_unit_range(deep):
    values = (deep[..., 0] / 65535).astype(np.float32)
    np.testing.assert_array_equal(
        read_image(tiff(values, photometric="minisblack"))[..., 2], np.rint(values * 255).astype(np.uint8)
    )


def test_colour_profiles_are_left_alone(photo, encode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    np.testing.assert_array_equal(read_image(encode(photo, "PNG", icc_profile=profile)), photo)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda deep: tiff(deep[..., 0].astype(np.float32), photometric="minisblack"), "must lie in [0, 1]"),
        (lambda deep: tiff(deep[..., 0].astype(np.int32), photometric="minisblack"), "mode I"),
        (
            lambda deep: tiff(np.moveaxis(deep[..., :3], 2, 0).copy(), photometric="rgb", planarconfig="separate"),
            "separate colour planes",
        ),
        (lambda deep: tiff(deep.astype(np.float64), photometric="minisblack", planarconfig="contig"), "variant"),
    ],
)
def test_pixels_without_a_meaning_are_refused(deep, make, reason):
    with pytest.raises(ImageError, match=reason.replace("[", r"\[").replace("]", r"\]")):
        read_image(make(deep))


@pytest.mark.parametrize("bits", [8, 16])
def test_separate_colour_planes_that_can_be_read_are_exact(deep, bits):
    rgb = (deep[..., :3] >> (16 - bits)).astype(f"u{bits // 8}")
    planes = np.moveaxis(rgb, 2, 0).copy()
    data = tiff(planes, photometric="rgb", planarconfig="separate", compression="zlib" if bits == 16 else None)
    np.testing.assert_array_equal(read_image(data), deep[..., :3] >> 8)
