"""One open video that remembers where it stands, so that reading on does not begin anew."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError
from util.images.files import regular_file

# FFmpeg and OpenCV write thousands of lines about one damaged video to standard error; the reader raises one error.
# FFmpeg's level (-8 is "quiet") can only be set this way, before the first video is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# Further ahead than this, entering at the key frame before is quicker than decoding all between.
_FRAMES_WORTH_DECODING = 250

# One decoding thread a reader: several readers work side by side, and readers survive a fork.
_OPTIONS = [cv2.CAP_PROP_N_THREADS, 1]

# First bytes of MP4 and MOV, AVI, and Matroska with WebM.
_CONTAINERS = ((4, (b"ftyp", b"moov", b"mdat", b"wide", b"free")), (8, (b"AVI ",)), (0, (b"\x1aE\xdf\xa3",)))


class VideoReader:
    """One open video. Not for two threads at once; use as a context manager.

    Attributes:
        width: pixels of a frame as stored, before it is turned upright.
        height: likewise.
        frames_per_second: mean rate.

    Raises:
        ImageError: if the file is no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        regular_file(path, str(path))
        self._check_container()
        self._capture = cv2.VideoCapture()
        self._open()
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS)
        if not (0 < self.frames_per_second <= 10_000 and self.width > 0 and self.height > 0):
            self.close()
            raise self._error("holds no video that can be decoded")

    @property
    def next_number(self) -> int:
        """Number of the first frame that can be read without going back."""
        if self._time == -math.inf:
            return 0
        return max(0, math.floor(self._time * self.frames_per_second + 0.5) + 1)

    def read(self, number: int) -> NDArray[np.uint8]:
        """One frame, upright: uint8 H×W×3 RGB.

        Raises:
            ImageError: if there is no such frame.
        """
        if not self._reach(number):
            raise self._error(f"has no frame {number} that can be decoded")
        found, frame = self._capture.retrieve()
        if not found:
            raise self._error(f"its frame {number} cannot be decoded")
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def count_frames(self) -> int:
        """How many frames can be read: what the header says where that holds, else they are counted.

        Raises:
            ImageError: if there is not even one.
        """
        said = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if said > 0 and self._reach(said - 1):
            return said
        self._open()
        while self._grab():
            pass
        if self._time == -math.inf:
            raise self._error("holds no frame that can be decoded")
        return self.next_number

    def close(self) -> None:
        """Lets go of the file."""
        self._capture.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_container(self) -> None:
        # FFmpeg would also play a text file that lists other files and URLs.
        with self._path.open("rb") as file:
            start = file.read(16)
        if not any(start[offset:].startswith(magic) for offset, magic in _CONTAINERS):
            raise self._error("is not an MP4, MOV, AVI, Matroska or WebM video")

    def _open(self) -> None:
        self._time = -math.inf  # seconds from the start to the frame that was grabbed last
        # An absolute path, because FFmpeg takes "scheme:rest" for a protocol.
        if not self._capture.open(str(self._path.absolute()), cv2.CAP_FFMPEG, _OPTIONS):
            raise self._error("holds no video that can be decoded")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)

    def _reach(self, number: int) -> bool:
        time = (number - 0.5) / self.frames_per_second
        if not 0 <= number - self.next_number <= _FRAMES_WORTH_DECODING:
            self._enter_before(number, time)
        while self._time < time:
            if not self._grab():
                return False
        return True

    def _enter_before(self, number: int, time: float) -> None:
        if number > _FRAMES_WORTH_DECODING:
            sought = self._capture.set(cv2.CAP_PROP_POS_FRAMES, number - 1) and self._grab()
            if sought and self._time < time:
                return
        self._open()

    def _grab(self) -> bool:
        if not self._capture.grab():
            return False
        self._time = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return True

    def _error(self, reason: str) -> ImageError:
        return ImageError(str(self._path), reason)
