"""A cache of preprocessed images on disk, keyed by what they are made of.

An entry is a PNG named by the sha256 of the source file's bytes and of the recipe as text::

    DIRECTORY / first two digits / sha256(content sha256, line feed, recipe).png

So a changed file or recipe finds nothing old, and deleting anything at any time is safe. PNG keeps every pixel and
checks itself: a damaged entry cannot be read and is made again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from util.errors import ImageError, InvalidInputError
from util.images import read_image, write_image
from util.preprocess.pixels import Image
from util.preprocess.recipe import Recipe

_TRIM_EVERY = 256  # entries written between two looks at the size


class PreprocessCache:
    """Preprocessed images on disk; threads and processes may share one directory.

    Args:
        directory: where the entries lie; made when it is not there.
        max_bytes: bound of their size together, kept by deleting those unused longest; ``None`` for no bound.

    Raises:
        InvalidInputError: if the directory cannot be made or the bound is not positive.
    """

    def __init__(self, directory: str | Path, *, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise InvalidInputError(f"a cache needs room for something, not {max_bytes} bytes: leave the bound out")
        self._directory = Path(directory)
        self._max_bytes = max_bytes
        self._written = 0
        self._lock = threading.Lock()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"cannot keep a cache in {directory}: {error.strerror}; name another folder"
            ) from error

    def get_or_make(self, content_sha256: str, recipe: Recipe, make: Callable[[], Image]) -> Image:
        """The preprocessed image, from disk where it is there, else made and kept.

        A cache that cannot be written (a full disk, a read-only folder) costs time, not the result.

        Args:
            content_sha256: sha256 of the source file's bytes, hexadecimal.
            recipe: what was done to it.
            make: makes the image: uint8 H×W×3 RGB.

        Returns:
            uint8 H×W×3 RGB.
        """
        path = self.path_of(content_sha256, recipe)
        try:
            image = read_image(path)
            os.utime(path)  # used now: the bound deletes by this time
        except (ImageError, OSError):
            image = make()
            self._keep(path, image)
        return image

    def path_of(self, content_sha256: str, recipe: Recipe) -> Path:
        """Where the entry of a file and a recipe lies, whether or not it is there."""
        key = hashlib.sha256(f"{content_sha256}\n{recipe}".encode()).hexdigest()
        return self._directory / key[:2] / f"{key}.png"

    def _keep(self, path: Path, image: Image) -> None:
        try:
            path.parent.mkdir(exist_ok=True)
            write_image(path, image)
        except (OSError, ImageError):
            return
        with self._lock:
            self._written += 1
            due = self._max_bytes is not None and self._written % _TRIM_EVERY == 0
        if due:
            self.trim()

    def trim(self) -> None:
        """Deletes the entries unused longest until the rest fits the bound; does nothing without one."""
        if self._max_bytes is None:
            return
        entries = sorted(self._entries(), reverse=True)  # latest use first
        total = 0
        for _, size, path in entries:
            total += size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)

    def _entries(self) -> list[tuple[float, int, Path]]:
        entries = []
        for path in self._directory.glob("??/*.png"):
            try:
                status = path.stat()
            except OSError:
                continue  # another process deleted it meanwhile
            entries.append((status.st_mtime, status.st_size, path))
        return entries
