"""From the bytes of an image file to upright RGB or RGBA pixels, by Pillow.

Where Pillow alone would lose something, this module adds it: 16-bit grey is scaled instead of clipped, a 16-bit TIFF
whose white is zero is turned round, the transparent colour of PNGs with 2, 4 or 16 bits a channel is honoured.
"""

from __future__ import annotations

import ctypes
import functools
import io
import logging
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError, _imaging

from util.errors import ImageError, ImageTooLargeError
from util.images.jpeg_scans import MAX_SCANS, has_too_many_scans
from util.images.kinds import why_unidentified
from util.images.limits import ImageLimits
from util.images.pixels import levels_from_unit_floats, spread_grey, without_opaque_alpha

# Only these: Pillow's other plugins start Ghostscript, follow links or are seldom tested.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

# What Pillow and its C decoders raise on files that are damaged, or made to do damage.
_DECODER_ERRORS = (
    OSError,  # truncated, broken data stream; UnidentifiedImageError
    SyntaxError,  # broken headers
    ValueError,  # decompression limits of PNG text, impossible sizes, undecodable text
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    MemoryError,
    RuntimeError,
    BufferError,
    struct.error,
    zlib.error,
)

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANAR = 258, 262, 284
_WHITE_IS_ZERO, _SEPARATE_PLANES = 0, 2

# Pillow reports what is odd about a file as warnings; here the file decodes or an ImageError says why not. A filter
# for the module is used because warnings.catch_warnings is not safe among threads. With a handler, Pillow's log goes
# where the application sends it instead of straight to standard error.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(data: bytes, *, name: str, limits: ImageLimits) -> NDArray[np.uint8]:
    """Decodes the bytes of an image file; of one with several frames or pages, the first.

    Args:
        data: JPEG, PNG, WebP, BMP, TIFF or GIF.
        name: what errors call the image.
        limits: checked before pixels are decoded.

    Returns:
        uint8 H×W×3 RGB, or H×W×4 RGBA where some pixel is not opaque; turned upright by EXIF, writable. CMYK is
        converted by its ink values, embedded colour profiles are not applied. EXIF that cannot be read counts as none.

    Raises:
        ImageError: if the bytes are no such image, are damaged or cut off.
        ImageTooLargeError: if a limit is exceeded.
    """
    if not data:
        raise ImageError(name, "is empty: there are no bytes to decode")
    limits.check_bytes(len(data), name)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            limits.check_pixels(*image.size, name)
            _refuse_what_pillow_gets_wrong(image, data, name)
            return _pixels(image, name)
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(name, f"has more pixels than Pillow decodes ({_one_line(error)})") from error
    except UnidentifiedImageError as error:
        raise ImageError(name, why_unidentified(data)) from error
    except _DECODER_ERRORS as error:
        raise ImageError(name, _plain(error)) from error


def _refuse_what_pillow_gets_wrong(image: ImageFile.ImageFile, data: bytes, name: str) -> None:
    if image.info.get("progressive") and has_too_many_scans(data):
        raise ImageError(name, f"is a progressive JPEG of more than {MAX_SCANS} scans: save it again as baseline JPEG")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _silence_libtiff()
        separate = image.tag_v2.get(_TIFF_PLANAR) == _SEPARATE_PLANES
        if separate and _tiff_bits(image) == 16 and any(tile.codec_name == "raw" for tile in image.tile):
            raise ImageError(name, "is an uncompressed 16-bit TIFF in separate colour planes: save it interleaved")


def _pixels(image: ImageFile.ImageFile, name: str) -> NDArray[np.uint8]:
    _scale_transparent_colour(image)
    bits, inverted = _grey_layout(image)
    image.load()
    upright = _upright(image)
    if upright.mode.startswith("I;16"):
        return _from_deep_grey(upright, bits=bits, inverted=inverted)
    if upright.mode == "F":
        return spread_grey(levels_from_unit_floats(np.asarray(upright), name=name))
    if upright.mode in ("I", "LAB", "HSV"):
        raise ImageError(name, f"has pixels of Pillow's mode {upright.mode}: save it as 8- or 16-bit RGB or grey")
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    pixels = np.array(upright if upright.mode == mode else upright.convert(mode))
    return without_opaque_alpha(pixels) if mode == "RGBA" else pixels


def _upright(image: ImageFile.ImageFile) -> Image.Image:
    try:
        orientation: object = image.getexif().get(_ORIENTATION)  # gone from TIFFs: Pillow has turned those itself
        method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    except _DECODER_ERRORS:
        return image
    return image if method is None else image.transpose(method)


def _from_deep_grey(image: Image.Image, *, bits: int, inverted: bool) -> NDArray[np.uint8]:
    values = np.asarray(image)  # uint16 H×W, in the file's byte order
    levels = (values >> (bits - 8)).astype(np.uint8)
    rgb = spread_grey(255 - levels if inverted else levels)
    transparent = image.info.get("transparency")
    if transparent is None:
        return rgb
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return without_opaque_alpha(np.dstack([rgb, alpha]))


def _grey_layout(image: ImageFile.ImageFile) -> tuple[int, bool]:
    """Significant bits of a grey image kept in 16, and whether its zero is white."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 16, False
    return max(8, _tiff_bits(image)), image.tag_v2.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO


def _tiff_bits(image: TiffImagePlugin.TiffImageFile) -> int:
    return int(image.tag_v2.get(_TIFF_BITS, (1,))[0])


def _scale_transparent_colour(image: ImageFile.ImageFile) -> None:
    """Brings the transparent colour of a PNG to the 8 bits that Pillow brings its pixels to, which it forgets."""
    colour = image.info.get("transparency")
    if image.format != "PNG" or colour is None or not image.tile:
        return
    match image.tile[0].args:
        case "L;2":
            image.info["transparency"] = colour * 85
        case "L;4":
            image.info["transparency"] = colour * 17
        case "RGB;16B":
            image.info["transparency"] = tuple(channel >> 8 for channel in colour)


@functools.cache
def _silence_libtiff() -> None:
    """Keeps libtiff quiet: it writes to standard error about damaged files, which Pillow raises as well."""
    try:
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
    except (OSError, AttributeError):  # a Pillow that hides its libtiff: noisy, nothing worse
        return


def _plain(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it: lower the pixel limit or free memory"
    if "truncated" in str(error).lower():
        return f"the file is cut off ({_one_line(error)}): copy or download it again"
    return f"the file is damaged ({_one_line(error)}): copy or download it again"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
