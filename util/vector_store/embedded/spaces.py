"""Rows of the table ``spaces`` and the log of changes."""

# The SQL is put together from our own words only; everything given to us travels as a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError, SpaceNotFoundError
from util.records import SpaceInfo
from util.vector_store.attribute_json import AttributeReader

_COLUMNS = "space, name, extractor, dimension, fingerprint, recipe, metric, index_factory, attributes, count, change"
_COLUMNS_TO_SEARCH = _COLUMNS.replace(
    "attributes", "CASE WHEN index_factory IN ('Flat', 'flat') THEN '{}' ELSE attributes END"
)
# A reader that is further behind compares all keys instead, which is still far less than reading all vectors.
_REMOVALS_KEPT = 10_000
_read_attributes = AttributeReader()


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """One space as one state of the database has it.

    Attributes:
        number: its primary key, never used again.
        change: how many transactions have changed its images.
        info: its properties.
    """

    number: int
    change: int
    info: SpaceInfo


def find_space(connection: sqlite3.Connection, name: str) -> SpaceRow | None:
    """The space of this name, if there is one."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM spaces WHERE name = ?", (name,)).fetchone()
    return None if row is None else _space_row(row)


def need_space_to_search(connection: sqlite3.Connection, name: str) -> SpaceRow:
    """The space of this name; without its attributes if it is searched exactly, which takes none of them.

    Among them may be a projection of some megabytes, and to read that takes longer than to search.

    Raises:
        SpaceNotFoundError: if there is none, with the names there are.
    """
    row = connection.execute(f"SELECT {_COLUMNS_TO_SEARCH} FROM spaces WHERE name = ?", (name,)).fetchone()
    return need_space(connection, name) if row is None else _space_row(row)


def need_space(connection: sqlite3.Connection, name: str) -> SpaceRow:
    """The space of this name.

    Raises:
        SpaceNotFoundError: if there is none, with the names there are.
    """
    row = find_space(connection, name)
    if row is None:
        names = [name for (name,) in connection.execute("SELECT name FROM spaces ORDER BY name")]
        known = f"there are {', '.join(names)}" if names else "the store is empty"
        raise SpaceNotFoundError(f"no space named {name!r}: {known}")
    return row


def all_spaces(connection: sqlite3.Connection) -> list[SpaceInfo]:
    """All spaces by name."""
    return [_space_row(row).info for row in connection.execute(f"SELECT {_COLUMNS} FROM spaces ORDER BY name")]


def add_space(connection: sqlite3.Connection, info: SpaceInfo) -> None:
    """Writes a new, empty space."""
    connection.execute(
        "INSERT INTO spaces (name, extractor, dimension, fingerprint, recipe, metric, index_factory, attributes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            info.name,
            info.extractor,
            info.dimension,
            info.fingerprint,
            info.recipe,
            info.metric,
            info.index,
            _json(info.attributes),
        ),
    )


def set_attributes(connection: sqlite3.Connection, space: SpaceRow, attributes: Mapping[str, object]) -> None:
    """Replaces the attributes of a space."""
    connection.execute("UPDATE spaces SET attributes = ? WHERE space = ?", (_json(attributes), space.number))


def set_index(connection: sqlite3.Connection, space: SpaceRow, index: str) -> None:
    """Writes down another index."""
    connection.execute("UPDATE spaces SET index_factory = ? WHERE space = ?", (index, space.number))


def remove_space(connection: sqlite3.Connection, space: SpaceRow) -> None:
    """Deletes a space with everything in it."""
    of_space = (space.number,)
    connection.execute("DELETE FROM vectors WHERE key IN (SELECT key FROM images WHERE space = ?)", of_space)
    for table in ("images", "changes", "spaces"):
        connection.execute(f"DELETE FROM {table} WHERE space = ?", of_space)


def log_change(connection: sqlite3.Connection, space: SpaceRow, *, added: int, removed: NDArray[np.int64]) -> None:
    """Writes down, in the transaction that does it, that images came and went.

    The random token tells this history from another one with the same numbers, such as that of a restored copy.
    """
    change = space.change + 1
    connection.execute(
        "UPDATE spaces SET change = ?, count = count + ? WHERE space = ?", (change, added - len(removed), space.number)
    )
    connection.execute(
        "INSERT INTO changes (space, change, token, removed) VALUES (?, ?, ?, ?)",
        (space.number, change, os.urandom(8), removed.astype("<i8").tobytes()),
    )
    connection.execute(
        "UPDATE changes SET removed = NULL WHERE space = ? AND change = ?", (space.number, change - _REMOVALS_KEPT)
    )


def token_of(connection: sqlite3.Connection, space: SpaceRow, change: int) -> str | None:
    """The token of a change as hexadecimal digits; ``None`` where this history has no such change."""
    row = connection.execute(
        "SELECT hex(token) FROM changes WHERE space = ? AND change = ?", (space.number, change)
    ).fetchone()
    return None if row is None else str(row[0])


def removed_since(connection: sqlite3.Connection, space: SpaceRow, change: int) -> NDArray[np.int64] | None:
    """Keys removed after a change, ascending; ``None`` where the log no longer reaches back that far."""
    logs = connection.execute(
        "SELECT removed FROM changes WHERE space = ? AND change > ?", (space.number, change)
    ).fetchall()
    if any(log is None for (log,) in logs):
        return None
    return np.sort(np.frombuffer(b"".join(log for (log,) in logs), dtype="<i8"))


def _space_row(row: tuple[int, str, str, int, str, str, str, str, str, int, int]) -> SpaceRow:
    number, name, extractor, dimension, fingerprint, recipe, metric, index, attributes, count, change = row
    info = SpaceInfo(
        name, extractor, dimension, fingerprint, recipe, metric, index, count, attributes=_read_attributes(attributes)
    )
    return SpaceRow(number, change, info)


def _json(attributes: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(attributes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"the attributes of a space must be JSON values: {error}") from error
