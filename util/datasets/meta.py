"""Lists of images as JSON: rows of ``{class, id, keyword, file_name}``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Never

from util.datasets.columns import ID_COLUMN, Columns, own_fields, write_atomically
from util.datasets.paths import record_of_file
from util.errors import DatasetError
from util.records import ImageRecord, MetadataValue


def read_meta(path: Path, root: Path) -> Iterator[ImageRecord]:
    """The images a JSON list names.

    ``file_name`` (or ``file``, ``path``) is looked for below ``root``, then as ``<class>/<file_name>``, and both
    below ``images/``, where data sets of the form ``<set>/images/<class>/<file>`` have it. ``class`` (or ``item``) is
    the item, ``image_id`` the record's id, and every other key is metadata, ``id`` and ``keyword`` included.

    Args:
        path: the JSON file: one list of objects.
        root: folder that relative file names start from.

    Raises:
        DatasetError: naming file and row, if the list cannot be read so.
    """
    for number, row in enumerate(_load(path), start=1):
        where = f"{path}, row {number}"
        if not isinstance(row, dict):
            raise DatasetError(f"{where}: {row!r:.60} is not an object such as {{'class': …, 'file_name': …}}")
        columns = Columns.of(row, Path(where))
        values = {key: _value(value, f"{where}, {key!r}") for key, value in row.items()}
        name, item = values[columns.file], values[columns.item] if columns.item else None
        if not isinstance(name, str) or not name:
            raise DatasetError(f"{where}: {columns.file!r} has to be the name of a file, not {name!r}")
        if isinstance(item, list):
            raise DatasetError(f"{where}: {columns.item!r} has to be the name of one item, not {item!r:.60}")
        label = None if item in (None, "") else str(item)
        yield record_of_file(
            name,
            root,
            item=label,
            metadata=columns.metadata(values),
            id_=str(values.get(ID_COLUMN) or "") or None,
            candidates=partial(_places, item=label),
        )


def write_meta(records: Iterable[ImageRecord], path: Path) -> None:
    """Writes a list that :func:`read_meta` reads back with the same ids, items and metadata.

    Args:
        records: the images.
        path: the JSON file; replaced if it exists.

    Raises:
        DatasetError: if metadata has a field of the list's own keys.
    """
    rows = [own_fields(record, path.parent, file_key="file_name") for record in records]
    with write_atomically(path) as stream:
        stream.write("[" + ",".join("\n " + json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


def _places(root: Path, name: str, item: str | None) -> list[Path]:
    inner = [Path(name), Path(item, name)] if item else [Path(name)]
    return [folder / file for folder in (root, root / "images") for file in inner]


def _load(path: Path) -> list[object]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: is not JSON ({error})") from error
    if not isinstance(rows, list):
        raise DatasetError(f"{path}: holds one {type(rows).__name__}: a list of rows is needed, [{{…}}, {{…}}]")
    return rows


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON number")


def _value(value: object, where: str) -> MetadataValue:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return value
    raise DatasetError(f"{where}: {value!r:.60} cannot be stored: a text, number, truth value or list of texts can")
