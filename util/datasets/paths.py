"""From a file name in a list or folder to an :class:`ImageRecord`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from util.errors import DatasetError
from util.images import split_frame_address
from util.records import ImageRecord, MetadataValue

NaturalKey = tuple[tuple[tuple[int, int | str], ...], str]


def natural_key(name: str) -> NaturalKey:
    """Sort key that puts ``img2`` before ``img10``.

    >>> sorted(["img10", "img2", "img02"], key=natural_key)
    ['img02', 'img2', 'img10']
    """
    parts = re.split(r"([0-9]+)", name)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part), name


def is_url(name: str) -> bool:
    """Whether a list names an address instead of a file."""
    return bool(re.match(r"[a-z][a-z0-9+.-]+://", name, re.IGNORECASE))


def readable(name: str) -> str:
    """A file name as text that can be stored and printed, even where its bytes are not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def relative_name(path: Path, root: Path) -> str:
    """The path from ``root`` in POSIX form; the whole path where it lies elsewhere.

    >>> relative_name(Path("photos/milk/1.jpg"), Path("photos"))
    'milk/1.jpg'
    """
    try:
        return readable(path.relative_to(root).as_posix())
    except ValueError:
        return readable(path.as_posix())


def folder_item(name: str) -> str | None:
    """The item that a relative path names by its folder.

    >>> folder_item("dairy/milk/1.jpg"), folder_item("1.jpg")
    ('dairy/milk', None)
    """
    parent = str(PurePosixPath(name).parent)
    return None if parent == "." else parent


def folder_category(item: str | None) -> str | None:
    """The folder that an item's own folder lies in: what kind of thing the item is.

    >>> folder_category("dairy/milk"), folder_category("milk"), folder_category(None)
    ('dairy', None, None)
    """
    return None if item is None else folder_item(item)


def record_of_file(
    name: str,
    root: Path,
    *,
    item: str | None = None,
    metadata: Mapping[str, MetadataValue] | None = None,
    id_: str | None = None,
    candidates: Callable[[Path, str], Iterable[Path]] | None = None,
) -> ImageRecord:
    """The record of a file that a list names.

    Args:
        name: as the list has it: relative to ``root``, absolute, or a URL, which is kept as it is.
        root: folder that relative names start from.
        item: the thing the photo shows.
        metadata: its further fields; those that are ``None`` are left out.
        id_: its id, where it is not to be the path relative to ``root``.
        candidates: where else below ``root`` the file may lie; the first that exists is taken, or else the first.
    """
    fields = {key: value for key, value in (metadata or {}).items() if value is not None}
    if is_url(name):
        return ImageRecord(id_ or name, name, item, fields)
    places = [*candidates(root, name)] if candidates else [root / name]
    path = next((place for place in places if _is_there(place)), places[0])
    if "\\" in name and not _is_there(path):
        path = root / name.replace("\\", "/")  # a list written on Windows
    return ImageRecord(id_ or relative_name(path, root), str(path), item, fields)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a folder that may not be searched
        return False


def exists(record: ImageRecord) -> bool:
    """Whether the record's file is there; of a URL nobody knows before it is fetched."""
    return is_url(record.path) or _is_there(Path(record.path)) or _is_there(Path(split_frame_address(record.path)[0]))


def refuse_if_all_missing(records: Iterable[ImageRecord], source: Path, root: Path) -> Iterator[ImageRecord]:
    """Passes the records on as soon as one of them exists.

    Single missing files are for the reader of the images to report. If every file is missing, the list was read
    against the wrong folder.

    Raises:
        DatasetError: if there are records but no file of any.
    """
    waiting: list[ImageRecord] = []
    stream = iter(records)
    for record in stream:
        waiting.append(record)
        if exists(record):
            yield from waiting
            yield from stream
            return
    if waiting:
        raise DatasetError(
            f"{source}: none of its {len(waiting)} files exists, the first would be {waiting[0].path!r}: its names are "
            f"taken relative to {root}; give the folder they start from as root"
        )
