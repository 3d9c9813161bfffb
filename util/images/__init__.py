"""The one decoder: path, URL, data URL, bytes, video frame or array in, upright RGB (or RGBA) uint8 out.

    from util.images import read_image

    pixels = read_image("bottle.jpg")  # uint8 H×W×3, RGB

Everything that is not an image, is damaged, cut off or too large ends in one :class:`~util.errors.ImageError` that
names the file and the reason.
"""

from util.images.base64_text import decode_base64
from util.images.content import content_hash
from util.images.kinds import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_image_path
from util.images.limits import DEFAULT_LIMITS, ImageLimits
from util.images.sources import read_bytes, read_image
from util.images.video import list_frames, split_frame_address
from util.images.writing import write_image

__all__ = [
    "DEFAULT_LIMITS",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ImageLimits",
    "content_hash",
    "decode_base64",
    "is_image_path",
    "list_frames",
    "read_bytes",
    "read_image",
    "split_frame_address",
    "write_image",
]
