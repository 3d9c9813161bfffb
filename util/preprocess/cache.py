"""A cache of preprocessed images on disk, keyed by what they are made of.

An entry is named by the sha256 of the source file's bytes and of the recipe as text::

    DIRECTORY / first two digits / sha256(content sha256, line feed, recipe).png

It is a PNG, which viewers open (nine channels are three pictures, one below the other), followed by the 32 bytes of
the PNG's sha256, because decoders let some damaged files pass with wrong pixels. An entry that does not agree with
its sha256 is made again. A changed file or recipe finds nothing old, and deleting anything at any time is safe.
Delete the directory after replacing the weights of a background model: the recipe names the model, not its file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from util.errors import InvalidInputError
from util.preprocess.pixels import Image
from util.preprocess.recipe import Recipe

_TRIM_EVERY = 256  # entries written between two looks at the size
_ABANDONED = 3600.0  # seconds after which a draft has no writer any more


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

    def get_or_make(
        self, content_sha256: str, recipe: Recipe, make: Callable[[], Image], *, see_through: bool = False
    ) -> Image:
        """The preprocessed image, from disk where it is there, else made and kept.

        A cache that cannot be written (a full disk, a read-only folder) costs time, not the result.

        Args:
            content_sha256: sha256 of the source file's bytes, hexadecimal.
            recipe: what was done to it.
            make: makes the image: uint8 H×W×3 RGB, or H×W×9 where the recipe has nine channels.
            see_through: the image is what ``Recipe.transform`` returns: it may have an alpha plane.

        Returns:
            What ``make`` returns.
        """
        path = self.path_of(content_sha256, recipe, see_through=see_through)
        kept = _read(path, recipe.channels)
        if kept is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # used now: the bound deletes by this time
            return kept
        image = make()
        self._keep(path, image)
        return image

    def path_of(self, content_sha256: str, recipe: Recipe, *, see_through: bool = False) -> Path:
        """Where the entry of a file and a recipe lies, whether or not it is there."""
        kind = "\nsee-through" if see_through else ""
        key = hashlib.sha256(f"{content_sha256}\n{recipe}{kind}".encode()).hexdigest()
        return self._directory / key[:2] / f"{key}.png"

    def _keep(self, path: Path, image: Image) -> None:
        try:
            _write(path, image)
        except OSError:
            return
        with self._lock:
            self._written += 1
            due = self._max_bytes is not None and self._written % _TRIM_EVERY == 0
        if due:
            self.trim()

    def trim(self) -> None:
        """Deletes the entries unused longest until the rest fits the bound; does nothing without one.

        What an interrupted process left half written goes too.
        """
        if self._max_bytes is None:
            return
        for draft in self._directory.glob("??/.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _ABANDONED:
                    draft.unlink()
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


def _read(path: Path, channels: int) -> Image | None:
    """The image of an entry; ``None`` where there is none, or a damaged one."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    picture, digest = data[:-32], data[-32:]
    if not picture or hashlib.sha256(picture).digest() != digest:
        return None
    stored = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    if stored.shape[2] == 4:
        return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)
    tall = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(np.concatenate(np.split(tall, channels // 3), axis=2))


def _write(path: Path, image: Image) -> None:
    """Writes an entry; whoever reads at the same time sees all of it or none.

    Raises:
        OSError: if it cannot be written.
    """
    fast = (cv2.IMWRITE_PNG_COMPRESSION, 1)
    if image.shape[2] == 4:
        stored = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)
    else:  # nine channels: three pictures in one
        stored = cv2.cvtColor(np.concatenate(np.split(image, image.shape[2] // 3, axis=2)), cv2.COLOR_RGB2BGR)
    picture = cv2.imencode(".png", stored, fast)[1].tobytes()
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        draft.write_bytes(picture + hashlib.sha256(picture).digest())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
