"""Any data set, whatever its form, as a stream of :class:`ImageRecord`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from util.datasets.folders import walk_files
from util.datasets.grocery import read_grocery
from util.datasets.meta import read_meta
from util.datasets.paths import folder_category, folder_item, refuse_if_all_missing, relative_name
from util.datasets.tables import read_csv
from util.errors import DatasetError, ImageError, InvalidInputError
from util.images import VIDEO_SUFFIXES, is_image_path, list_frames
from util.records import ImageRecord

ItemFrom: TypeAlias = Literal["auto", "folder", "csv", "meta", "grocery", "none"]

_LISTS_IN_FOLDERS = {"csv": ("meta.csv", "*.csv"), "meta": ("meta.json", "meta_all.json", "*.json")}


def read_dataset(
    path: Path | str,
    *,
    item_from: ItemFrom = "auto",
    root: Path | str | None = None,
    video_every_seconds: float | None = None,
) -> list[ImageRecord]:
    """All images of a data set, as :func:`iter_dataset` finds them.

    Raises:
        DatasetError: as there; also if a list gives two images the same id, because one would replace the other.
    """
    records = list(iter_dataset(path, item_from=item_from, root=root, video_every_seconds=video_every_seconds))
    if len({record.id for record in records}) < len(records):
        twice, times = Counter(record.id for record in records).most_common(1)[0]
        raise DatasetError(f"{path}: lists the image {twice!r} {times} times: keep one row of each image")
    return records


def iter_dataset(
    path: Path | str,
    *,
    item_from: ItemFrom = "auto",
    root: Path | str | None = None,
    video_every_seconds: float | None = None,
) -> Iterator[ImageRecord]:
    """The images of a data set one by one, in a fixed order, with flat memory (JSON lists are read whole).

    ===============================  ====================================================================
    ``path``                         what is read
    ===============================  ====================================================================
    a folder                         all images below it, in natural order; the item is the folder an image
                                     lies in, relative to ``root`` (``None`` directly in it); the field
                                     ``category`` is the folder that the item's lies in, where there is one
    a folder with ``meta.csv``       that list (``item_from="folder"`` walks the folder all the same)
    a folder with ``classes.csv``    its Grocery lists ``train.txt``, ``val.txt``, ``test.txt``
    and ``train.txt``
    ``*.csv``                        :func:`util.datasets.tables.read_csv`
    ``*.json``                       :func:`util.datasets.meta.read_meta`
    ``*.txt``                        :func:`util.datasets.grocery.read_grocery`
    any other file                   one image under its own name, whether it can be read or not
    ===============================  ====================================================================

    Files that a list names and that do not exist are passed on; whoever reads the images reports them.

    Args:
        path: folder, list or image.
        item_from: where the item comes from. ``auto`` is the table above; ``csv``, ``meta`` and ``grocery`` say what
            form a list has (in a folder: find that list); ``folder`` takes the item from the folder even in a list;
            ``none`` leaves the images without items.
        root: folder that ids, folder items and relative names in lists start from; by default the folder given, or
            the one the list or image lies in.
        video_every_seconds: with a number, frames of the videos in a folder are images too, one in so many seconds.

    Raises:
        DatasetError: if the path does not exist, a list cannot be read, or nothing that a list names exists.
        InvalidInputError: if ``item_from`` or ``video_every_seconds`` has no meaning.
    """
    source = Path(path)
    if item_from not in get_args(ItemFrom):
        raise InvalidInputError(f"item_from is one of {', '.join(get_args(ItemFrom))}, not {item_from!r}")
    if video_every_seconds is not None and not video_every_seconds > 0:
        raise InvalidInputError(f"video_every_seconds is a number above 0, not {video_every_seconds!r}")
    if not source.exists():
        raise DatasetError(f"{source}: no such file or folder: give a folder of images, a list or an image")
    source, form = _find_list(source, item_from)
    base = Path(root) if root is not None else (source if source.is_dir() else source.parent)
    records = _read(source, form, base, video_every_seconds)
    if item_from == "none":
        return (replace(record, item=None) for record in records)
    if item_from == "folder":
        return (replace(record, item=folder_item(relative_name(Path(record.path), base))) for record in records)
    return records


def _find_list(source: Path, item_from: ItemFrom) -> tuple[Path, str]:
    """The file or folder to read, and its form."""
    if source.is_dir():
        if item_from in _LISTS_IN_FOLDERS:
            return _list_in_folder(source, item_from), item_from
        if item_from == "auto":
            if (source / "meta.csv").exists():
                return source / "meta.csv", "csv"
            grocery = (source / "classes.csv").exists() and (source / "train.txt").exists()
            return source, "grocery" if grocery else "folder"
        return source, "grocery" if item_from == "grocery" else "folder"
    if item_from in ("csv", "meta", "grocery"):
        return source, item_from
    return source, {".csv": "csv", ".json": "meta", ".txt": "grocery"}.get(source.suffix.lower(), "image")


def _list_in_folder(folder: Path, form: str) -> Path:
    found = [sorted(folder.glob(pattern)) for pattern in _LISTS_IN_FOLDERS[form]]
    first = next((files for files in found if files), [])
    if len(first) != 1:
        names = ", ".join(file.name for file in first) or "none"
        raise DatasetError(f"{folder}: which list is meant? It holds {names}: name the file itself")
    return first[0]


def _read(source: Path, form: str, base: Path, every: float | None) -> Iterator[ImageRecord]:
    match form:
        case "folder":
            return _read_folder(source, base, every)
        case "image":
            return iter([ImageRecord(relative_name(source, base), str(source))])
        case "csv":
            return refuse_if_all_missing(read_csv(source, base), source, base)
        case "meta":
            return refuse_if_all_missing(read_meta(source, base), source, base)
        case _:
            return refuse_if_all_missing(read_grocery(source, base), source, base)


def _read_folder(folder: Path, root: Path, every: float | None) -> Iterator[ImageRecord]:
    def wanted(path: Path) -> bool:
        return is_image_path(path) or (every is not None and path.suffix.lower() in VIDEO_SUFFIXES)

    return chain.from_iterable(_images_of(path, root, every) for path in walk_files(folder, wanted))


def _images_of(path: Path, root: Path, every: float | None) -> Iterator[ImageRecord]:
    item = folder_item(relative_name(path, root))
    category = folder_category(item)
    metadata = {} if category is None else {"category": category}
    for address in [str(path)] if is_image_path(path) or every is None else _frames(path, every):
        yield ImageRecord(relative_name(Path(address), root), address, item, metadata)


def _frames(video: Path, every: float) -> list[str]:
    try:
        return list_frames(video, every_seconds=every)
    except ImageError:
        return [str(video)]  # whoever reads the images will find out and report it
