"""Arrays in files of one folder, of bounded size together, that threads and processes may share."""

from __future__ import annotations

import contextlib
import lzma
import os
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by name; plain numbers and text only, so that nothing has to be unpickled."""

_LOOKS = 16  # at the size, while as much is written as may be kept
_DAMAGE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading a damaged ``.npz`` raises, by where it is damaged: a byte may make it seem packed or encrypted."""
_ABANDONED = 600.0  # seconds without a byte after which a draft has no writer any more


class ArrayFolder:
    """Entries by name, as NumPy's ``.npz``; those unused longest are deleted when they become too many bytes.

    A reader sees whole entries or none, whenever a writer is killed: an entry is a draft until it is complete. The
    bound is looked at each time that a sixteenth of it has been written, so together P processes may pass it by P
    sixteenths for a while.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Opens a folder, which is made when something is first written.

        Args:
            folder: where the entries lie.
            max_bytes: of all entries together. A larger one is not kept.

        Raises:
            InvalidInputError: if ``max_bytes`` is below 1.
        """
        if max_bytes < 1:
            raise InvalidInputError(f"what re-rankers learn needs room for something, not {max_bytes} bytes")
        self._folder, self._max_bytes = folder, max_bytes
        self._unseen: int | None = None  # bytes written since the last look at the size; None before the first
        self._lock = threading.Lock()

    def names(self, beginning: str) -> list[str]:
        """Names of the entries that begin so, those used last first."""
        if not self._folder.is_dir():
            return []
        found = [(used, path) for used, _, path in self._files() if path.suffix == ".npz"]
        return [path.stem for _, path in sorted(found, reverse=True) if path.name.startswith(beginning)]

    def read(self, name: str, *, only: Collection[str] | None = None) -> Arrays | None:
        """The arrays of an entry; ``None`` if it is absent or damaged.

        Args:
            name: of the entry.
            only: which of its arrays are wanted; all, without it.
        """
        path = self._path(name)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files if only is None or key in only}
        except _DAMAGE:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now: the bound deletes by this time
        return arrays

    def write(self, name: str, arrays: Arrays) -> None:
        """Keeps the arrays of an entry; a folder that cannot be written costs time at the next read, no more."""
        with contextlib.suppress(OSError):
            size = self._written(self._path(name), arrays)
            if self._is_due(size):
                self._trim()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npz"

    def _written(self, path: Path, arrays: Arrays) -> int:
        """Writes a draft and renames it, which is atomic; gives the number of its bytes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # taken for the flags that savez has besides
            size = Path(draft).stat().st_size
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return size

    def _is_due(self, size: int) -> bool:
        """Whether it is time to look at the size again, now that so many bytes have been written."""
        with self._lock:
            due = self._unseen is None or self._unseen + size > self._max_bytes // _LOOKS
            self._unseen = 0 if due else (self._unseen or 0) + size
        return due

    def _trim(self) -> None:
        """Deletes abandoned drafts, and the entries unused longest until there is room up to the next look."""
        left = self._max_bytes - self._max_bytes // _LOOKS
        for used, size, path in sorted(self._files(), reverse=True):
            if path.suffix == ".part":
                if time.time() - used > _ABANDONED:
                    path.unlink(missing_ok=True)
                continue
            left -= size
            if left < 0:
                path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[float, int, Path]]:
        """Last use, bytes and place of everything there is."""
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process deleted it meanwhile
                status = path.stat()
                if path.suffix in (".npz", ".part"):
                    found.append((status.st_mtime, status.st_size, path))
        return found
