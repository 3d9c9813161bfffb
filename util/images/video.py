"""Frames of a video as images, by address: ``clip.mp4#frame=30``.

The number counts frames at the video's mean rate: frame n is the first one shown no earlier than half a frame before
n / rate seconds. In a video of constant rate that is simply its n-th frame; in one of variable rate, as phones record,
it still means one and the same picture whether the video is read from the start or entered in the middle.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.images.limits import DEFAULT_LIMITS, ImageLimits

# The readers need OpenCV, which is slow to import: the functions that open a video import them.

_MOST_FRAMES = 1_000_000  # a header may claim any number
_ADDRESS = re.compile(r"(?P<file>.+)#frame=(?P<frame>\d{1,9})", re.DOTALL)


def split_frame_address(address: str) -> tuple[str, int | None]:
    """File and frame number of an address; ``None`` where it names a whole file.

    A file that really bears such a name is a file.

    >>> split_frame_address("clip.mp4#frame=30"), split_frame_address("a.jpg")
    (('clip.mp4', 30), ('a.jpg', None))
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or _exists(address):
        return address, None
    return match["file"], int(match["frame"])


def list_frames(video: str | Path, *, every_seconds: float = 1.0) -> list[str]:
    """Addresses of frames spread evenly over a video, the first one included.

    Args:
        video: file in MP4, MOV, AVI, Matroska or WebM.
        every_seconds: time between two frames; shorter than one frame's duration gives every frame.

    Returns:
        At least one address, in the order of time, for ``read_image`` and ``read_bytes``.

    Raises:
        ImageError: if the file is no video that can be decoded.
        InvalidInputError: if ``every_seconds`` is not positive.
    """
    if not (every_seconds > 0 and math.isfinite(every_seconds)):
        raise InvalidInputError(f"every_seconds must be a positive number of seconds, not {every_seconds}")
    from util.images.video_reader import VideoReader

    with VideoReader(Path(video)) as reader:
        count = reader.count_frames()
        step = max(1.0, every_seconds * reader.frames_per_second)
    if count / step > _MOST_FRAMES:
        raise ImageError(str(video), f"has more than {_MOST_FRAMES:,} frames to list: choose a longer interval")
    numbers = (round(position * step) for position in range(math.ceil(count / step)))
    return [f"{video}#frame={number}" for number in numbers if number < count]


def read_frame(video: Path, number: int, *, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """One frame, upright as the video's rotation says.

    Reading frames in rising order, also from several threads, decodes the video about once a thread: videos stay open
    where they were left.

    Args:
        video: the file.
        number: counts from 0.
        limits: ``max_pixels`` bounds the frame. The file itself may be of any size: it is not read into memory.

    Returns:
        uint8 H×W×3, RGB.

    Raises:
        ImageError: if the video cannot be decoded or has no such frame.
        ImageTooLargeError: if its frames are over the pixel limit.
    """
    from util.images.reader_pool import OPEN_VIDEOS

    with OPEN_VIDEOS.borrow(video, number) as reader:
        limits.check_pixels(reader.width, reader.height, str(video))
        return reader.read(number)


def _exists(address: str) -> bool:
    try:
        return Path(address).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
