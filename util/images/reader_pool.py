"""Videos kept open between one frame and the next."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from util.images.files import regular_file
from util.images.video_reader import VideoReader

_Key: TypeAlias = tuple[Path, int, int, int]  # a file that was replaced is another video


class ReaderPool:
    """A few open videos, each lent to one thread at a time; the one unused for longest is closed first.

    Threads that read one video in turn get a reader each, and each reader only moves on.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._forget()
        if hasattr(os, "register_at_fork"):
            # A child process shares its parent's file positions: two readers of one would trip over each other.
            os.register_at_fork(after_in_child=self._forget)

    @contextmanager
    def borrow(self, video: Path, number: int) -> Iterator[VideoReader]:
        """A reader of the video that stands as little before frame ``number`` as can be had.

        Raises:
            ImageError: if the video cannot be opened.
        """
        status = regular_file(video, str(video))
        key = (video, status.st_ino, status.st_size, status.st_mtime_ns)
        reader = self._take(key, number) or VideoReader(video)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._give_back(key, reader)

    def _take(self, key: _Key, number: int) -> VideoReader | None:
        with self._lock:
            waiting = [entry for entry in self._idle if entry[0] == key]
            if not waiting:
                return None
            best = max(waiting, key=lambda entry: _preference(entry[1].next_number, number))
            self._idle.remove(best)
            return best[1]

    def _give_back(self, key: _Key, reader: VideoReader) -> None:
        with self._lock:
            self._idle.append((key, reader))
            surplus = self._idle[: -self._size]
            del self._idle[: -self._size]
        for _, unused in surplus:
            unused.close()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[_Key, VideoReader]] = []


def _preference(next_number: int, number: int) -> tuple[bool, int]:
    return next_number <= number, next_number


OPEN_VIDEOS = ReaderPool(size=4)
"""The videos that this process keeps open."""
