"""Lists of images as CSV: ``file,class,label,…``."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import shorten

from util.datasets.columns import Columns, own_fields, write_atomically
from util.datasets.paths import record_of_file
from util.errors import DatasetError
from util.records import ImageRecord, MetadataValue

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_csv(path: Path, root: Path) -> Iterator[ImageRecord]:
    """The images a CSV file lists, one row an image, with flat memory.

    The file stands in the column ``file`` (or ``path``, ``file_name``), the item in ``class`` (or ``item``,
    ``label``); a column ``image_id`` names the record. All other columns are metadata. A CSV file has no types, so a
    column is numbers if all its values are (``007`` is text), ``true``/``false`` if all are, lists if all are JSON
    lists of texts, and text otherwise. An empty cell is no value. Columns are parted by ``,``, ``;`` or tabs.

    Args:
        path: the CSV file, UTF-8.
        root: folder that relative file names start from.

    Raises:
        DatasetError: naming file and line, if the table cannot be read so.
    """
    types = _column_types(_rows(path))
    for number, row in _rows(path):
        columns = Columns.of(row, path)
        values: dict[str, MetadataValue] = {key: types[key](cell) if cell else None for key, cell in row.items()}
        name = row[columns.file]
        if not name:
            raise DatasetError(f"{path}, line {number}: the column {columns.file!r} is empty: every row names a file")
        item = row[columns.item] or None if columns.item else None
        yield record_of_file(name, root, item=item, metadata=columns.metadata(values), id_=row.get("image_id") or None)


def write_csv(records: Iterable[ImageRecord], path: Path) -> None:
    """Writes a list that :func:`read_csv` reads back; file names are relative to the list where they can be.

    What a CSV file cannot say is lost: an empty text is no value, and text that reads as numbers in a whole column
    comes back as numbers. ``write_meta`` keeps both.

    Args:
        records: the images.
        path: the CSV file; replaced if it exists.

    Raises:
        DatasetError: if metadata has a field of the table's own columns.
    """
    rows = [own_fields(record, path.parent, file_key="file") for record in records]
    header = list(dict.fromkeys(["file", "class", *(key for row in rows for key in row)]))
    with write_atomically(path) as stream:
        writer = csv.DictWriter(stream, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def _cell(value: MetadataValue) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the line a row ends on, and its cells by column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=_delimiter(first), strict=True)
            header = _header(next(reader, []), path)
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != len(header):
                    names = shorten(", ".join(header), 200, placeholder=" …")
                    raise DatasetError(
                        f"{path}, line {reader.line_num}: {len(cells)} columns where the header has {len(header)} "
                        f"({names}): put quotes around values that hold a comma"
                    )
                yield reader.line_num, {key: cell.strip() for key, cell in zip(header, cells, strict=True) if key}
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text ({error.reason}): save it as UTF-8") from error
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: {error}: is it a CSV file?") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line.count)


def _header(cells: list[str], path: Path) -> list[str]:
    header = [cell.strip() for cell in cells]
    if not any(header):
        raise DatasetError(f"{path}: is empty: its first line has to name the columns, such as file,class,label")
    twice = {key for key in header if key and header.count(key) > 1}
    if twice:
        raise DatasetError(f"{path}: the column {min(twice)!r} stands twice in its header: rename one")
    return header


Conversion = Callable[[str], MetadataValue]


def _column_types(rows: Iterable[tuple[int, Mapping[str, str]]]) -> dict[str, Conversion]:
    """The first conversion of each column that all its values admit."""
    possible: dict[str, list[Conversion]] = {}
    for _, row in rows:
        for key, cell in row.items():
            left = possible.setdefault(key, list(_CONVERSIONS))
            if cell and len(left) > 1:
                possible[key] = [conversion for conversion in left if _converts(conversion, cell)]
    return {key: left[0] for key, left in possible.items()}


def _converts(conversion: Conversion, cell: str) -> bool:
    try:
        conversion(cell)
    except ValueError:
        return False
    return True


def _integer(cell: str) -> int:
    if not _INTEGER.fullmatch(cell) or len(cell) > 18:
        raise ValueError(cell)
    return int(cell)


def _number(cell: str) -> float:
    if not _NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
        raise ValueError(cell)
    return float(cell)


def _truth(cell: str) -> bool:
    if cell not in ("true", "false"):
        raise ValueError(cell)
    return cell == "true"


def _texts(cell: str) -> list[str]:
    if not cell.startswith("["):
        raise ValueError(cell)
    values = json.loads(cell)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(cell)
    return values


_CONVERSIONS: tuple[Conversion, ...] = (_integer, _number, _truth, _texts, str)
