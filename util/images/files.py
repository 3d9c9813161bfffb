"""Reading a file whole, without being fooled by what is not one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from util.errors import ImageError
from util.images.limits import ImageLimits


def read_file(path: Path, *, limits: ImageLimits) -> bytes:
    """The bytes of a regular file.

    Raises:
        ImageError: if it is missing, empty, unreadable, still growing, or a directory, pipe, socket or device.
        ImageTooLargeError: if it is over the byte limit; then nothing of it is read.
    """
    name = str(path)
    with _errors_named(name), open(path, "rb", opener=_open_without_waiting) as file:
        size = _size(os.fstat(file.fileno()), name)
        limits.check_bytes(size, name)
        data = file.read(size + 1)
    if len(data) != size:
        raise ImageError(name, "changed while it was read: try again when it is complete")
    return data


def regular_file(path: Path, name: str) -> os.stat_result:
    """The status of a file with something in it.

    Raises:
        ImageError: if it is missing, empty, or a directory, pipe, socket or device.
    """
    with _errors_named(name):
        status = path.stat()
        _size(status, name)
    return status


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would otherwise wait until someone writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _size(status: os.stat_result, name: str) -> int:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(name, "is a pipe, socket or device: name an image file")
    if status.st_size == 0:
        raise ImageError(name, "the file is empty: copy or download it again")
    return status.st_size


@contextmanager
def _errors_named(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ImageError(name, "no such file") from error
    except IsADirectoryError as error:
        raise ImageError(name, "is a directory: name an image file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise ImageError(name, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
