"""Cache files: named arrays of bytes with a header, written in one piece or not at all, checked when opened.

Layout: a magic line, the sections one after another (each begins at a multiple of 4096 bytes), a JSON footer with the
header and each section's place, length and CRC-32, then the footer's length and CRC-32 (8 and 4 bytes, little-endian)
and the magic line again. A file that was cut off lacks the end; one that was changed fails its checksums.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"NearID cache 1\n"
_END = struct.Struct(f"<QI{len(_MAGIC)}s")
_ALIGNMENT = 4096
_STRIDE = 16 << 20
_ABANDONED_SECONDS = 3600.0


class CacheUnusableError(Exception):
    """The file is missing, cut off, changed or of another kind: build it again. Never leaves the store."""


@dataclass(frozen=True, slots=True)
class Cache:
    """An opened cache file.

    Attributes:
        path: the file.
        header: what was written with it.
        sections: read-only bytes, mapped from the file: they stay readable when it is deleted.
        offsets: where each section begins in the file.
    """

    path: Path
    header: Mapping[str, object]
    sections: Mapping[str, NDArray[np.uint8]]
    offsets: Mapping[str, int]


def open_cache(path: Path) -> Cache:
    """Maps a cache file into memory after checking every byte of it.

    Raises:
        CacheUnusableError: if it is not whole.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise CacheUnusableError(f"{path}: {error}") from error
    whole = np.asarray(data)
    footer = _footer(path, whole)
    sections, offsets = {}, {}
    for name, (offset, length, checksum) in footer["sections"].items():
        section = whole[offset : offset + length]
        if len(section) != length or _checksum(section) != checksum:
            raise CacheUnusableError(f"{path}: section {name!r} is damaged")
        sections[name], offsets[name] = section, offset
    return Cache(path, footer["header"], sections, offsets)


class CacheWriter:
    """Writes a cache file beside its final name and renames it there when it is complete.

    Use as a context manager; without ``finish`` nothing is left behind.

    Raises:
        OSError: if the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        self._sections: dict[str, tuple[int, int, int]] = {}
        self._checksum = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned_drafts(path)
        self._file: BinaryIO = self._draft.open("xb")
        self._file.write(_MAGIC)

    @contextmanager
    def section(self, name: str) -> Iterator[Self]:
        """What is written inside belongs to this section."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT))
        start, self._checksum = self._file.tell(), 0
        yield self
        self._sections[name] = (start, self._file.tell() - start, self._checksum)

    def write(self, data: bytes | NDArray[np.generic]) -> int:
        """Appends bytes (or those of a C-contiguous array) to the section and says how many."""
        raw = data if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data
        self._checksum = zlib.crc32(raw, self._checksum)
        self._file.write(raw)
        return len(raw)

    def finish(self, header: Mapping[str, object]) -> None:
        """Completes the file and puts it in its place."""
        footer = json.dumps({"header": dict(header), "sections": self._sections}).encode()
        self._file.write(footer + _END.pack(len(footer), zlib.crc32(footer), _MAGIC))
        self._file.close()
        self._draft.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


def _footer(path: Path, whole: NDArray[np.uint8]) -> dict[str, Any]:
    if len(whole) < len(_MAGIC) + _END.size:
        raise CacheUnusableError(f"{path}: cut off")
    length, checksum, magic = _END.unpack(whole[-_END.size :].tobytes())
    if magic != _MAGIC or length > len(whole) - _END.size:
        raise CacheUnusableError(f"{path}: cut off, or no NearID cache")
    text = whole[-_END.size - length : -_END.size].tobytes()
    if zlib.crc32(text) != checksum:
        raise CacheUnusableError(f"{path}: its footer is damaged")
    footer: dict[str, Any] = json.loads(text)
    return footer


def _checksum(section: NDArray[np.uint8]) -> int:
    value = 0
    for start in range(0, len(section), _STRIDE):
        value = zlib.crc32(section[start : start + _STRIDE].data, value)
    return value


def _remove_abandoned_drafts(path: Path) -> None:
    """Deletes what writers left that were killed."""
    for draft in path.parent.glob(f"{path.name}.*.tmp"):
        try:
            if time.time() - draft.stat().st_mtime > _ABANDONED_SECONDS:
                draft.unlink()
        except FileNotFoundError:
            continue  # another process was quicker
