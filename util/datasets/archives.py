"""Unpacking archives from the internet: nothing outside the folder, no links, no more bytes than expected."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from util.errors import DatasetError

_PIECE_BYTES = 1024 * 1024
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    FileExistsError,  # a name that stands twice, or a file that is a folder elsewhere
    NotADirectoryError,
    RuntimeError,  # zipfile's word for encryption and for methods it does not know
)


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of an archive; ``open`` is called before the next member is asked for."""

    name: str
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, *, max_bytes: int) -> None:
    """Unpacks the files of a ZIP or (compressed) tar archive.

    Args:
        archive: the archive.
        folder: an existing folder for its content.
        max_bytes: an archive that unpacks to more is refused.

    Raises:
        DatasetError: if it is no archive, is damaged, too large, or holds links or names that lead outside.
    """
    left = max_bytes
    try:
        with _members(archive) as members:
            for member in members:
                target = folder / _inside(member.name, archive)
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, target.open("xb") as stream:
                    while piece := source.read(_PIECE_BYTES):
                        left -= len(piece)
                        if left < 0:
                            raise DatasetError(f"{archive}: unpacks to more than {max_bytes} bytes: not the right file")
                        stream.write(piece)
    except _DAMAGE as error:
        raise DatasetError(f"{archive}: cannot be unpacked ({error}): remove it and fetch it again") from error


def _inside(name: str, archive: Path) -> Path:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or not path.parts:
        raise DatasetError(f"{archive}: holds the name {name!r}, which leads outside: not unpacked")
    return Path(*path.parts)


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    with ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            yield _zip_members(stack.enter_context(zipfile.ZipFile(archive)), archive)
        else:
            yield _tar_members(stack.enter_context(tarfile.open(archive)), archive)


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[_Member]:
    for info in opened.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DatasetError(f"{archive}: {info.filename!r} is a link or device: not unpacked")
        if not info.is_dir():
            yield _Member(info.filename, partial(opened.open, info))


def _tar_members(opened: tarfile.TarFile, archive: Path) -> Iterator[_Member]:
    for info in opened:
        if info.isreg():
            yield _Member(info.name, partial(_open_in_tar, opened, info))
        elif not info.isdir():
            raise DatasetError(f"{archive}: {info.name!r} is a link or device: not unpacked")


def _open_in_tar(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    source = opened.extractfile(info)
    if source is None:
        raise tarfile.ExtractError(f"{info.name} is not a file")
    return source
