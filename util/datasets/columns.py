"""What the columns of a list mean, whatever its file format; and how a list is put on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TextIO

from util.datasets.paths import is_url, relative_name
from util.errors import DatasetError
from util.records import ImageRecord, MetadataValue

FILE_COLUMNS = ("file", "file_name", "path")
ITEM_COLUMNS = ("class", "item", "label")
ID_COLUMN = "image_id"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column names the file and which the item; all others are metadata."""

    file: str
    item: str | None

    @classmethod
    def of(cls, row: Iterable[str], path: Path) -> Columns:
        """Finds the columns of a row.

        Raises:
            DatasetError: listing the columns there are, if none names a file.
        """
        keys = list(row)
        file = next((key for key in FILE_COLUMNS if key in keys), None)
        if file is None:
            raise DatasetError(
                f"{path}: no column names the file: one of {', '.join(FILE_COLUMNS)} is needed, "
                f"there are {shorten(', '.join(keys), 200, placeholder=' …') or 'none'}"
            )
        return cls(file, next((key for key in ITEM_COLUMNS if key in keys), None))

    def metadata(self, values: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
        """The values that are neither file, item nor id."""
        return {key: value for key, value in values.items() if key not in (self.file, self.item, ID_COLUMN)}


def own_fields(record: ImageRecord, folder: Path, *, file_key: str) -> dict[str, MetadataValue]:
    """A record as one row: file, item, id where the file does not say it, and metadata.

    Raises:
        DatasetError: if metadata has a field of one of the row's own names.
    """
    taken = {file_key, "class", ID_COLUMN} & record.metadata.keys()
    if taken:
        raise DatasetError(f"image {record.id!r}: its metadata field {min(taken)!r} is a column of the list: rename it")
    file = _listed_name(record.path, folder)
    row: dict[str, MetadataValue] = {file_key: file, "class": record.item}
    if record.id != file:
        row[ID_COLUMN] = record.id
    return row | {key: value for key, value in record.metadata.items() if value is not None}


def _listed_name(path: str, folder: Path) -> str:
    """Relative to the list where the file lies below it, else absolute, so that the list works from anywhere."""
    if is_url(path):
        return path
    return relative_name(Path(os.path.abspath(path)), Path(os.path.abspath(folder)))  # noqa: PTH100 - keeps links


@contextmanager
def write_atomically(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
