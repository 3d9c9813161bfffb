"""Images in a folder tree, one folder an item."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from util.datasets.paths import natural_key
from util.errors import DatasetError


def walk_files(root: Path, wanted: Callable[[Path], bool]) -> Iterator[Path]:
    """The wanted files below a folder, in natural order, with the memory of one folder a level.

    Names that begin with a dot are left out. Links are followed, but every folder is visited once: a link that leads
    back into the tree is left out, because its files are listed under their own names, and so is a second link to the
    same folder elsewhere. A broken link to a file is listed, so that somebody reports it.

    Args:
        root: the folder.
        wanted: says of a path whether it is listed.

    Raises:
        DatasetError: if a folder cannot be listed.
    """
    yield from _walk(root, wanted, home=root.resolve(), visited=set())


def _walk(folder: Path, wanted: Callable[[Path], bool], home: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    for entry in _entries(folder, visited):
        path = Path(entry.path)
        if _is_folder(entry):
            if not (entry.is_symlink() and path.resolve().is_relative_to(home)):
                yield from _walk(path, wanted, home, visited)
        elif wanted(path):
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _entries(folder: Path, visited: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in visited:
            return []
        visited.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetError(
            f"{folder}: the folder cannot be listed ({error.strerror}): check its permissions"
        ) from error
    return sorted(shown, key=lambda entry: natural_key(entry.name))
