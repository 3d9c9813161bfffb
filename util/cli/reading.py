"""From the paths on a command line to image records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import DatasetError, InvalidInputError

if TYPE_CHECKING:
    from util.records import ImageRecord

ITEM_SOURCES = ("auto", "folder", "csv", "meta", "grocery", "none")


def read_datasets(paths: Sequence[str], *, item_from: str = "auto", video_every: float = 0.0) -> list[ImageRecord]:
    """The images of all paths, each with the item its data set gives it.

    Raises:
        InvalidInputError: if a path is not there or ``item_from`` is none of the known ones.
        DatasetError: if there is no image at all.
    """
    from util.datasets import read_dataset  # noqa: PLC0415

    if item_from not in ITEM_SOURCES:
        raise InvalidInputError(f"--item-from is one of {', '.join(ITEM_SOURCES)}, not {item_from!r}")
    records: list[ImageRecord] = []
    for path in paths:
        if not Path(path).exists():
            raise InvalidInputError(f"{path}: no such file or folder")
        records += read_dataset(Path(path), item_from=item_from, video_every_seconds=video_every or None)
    if not records:
        raise DatasetError(f"no photos below {', '.join(paths)}: JPEG, PNG, WebP, BMP, TIFF and GIF files are read")
    return records
