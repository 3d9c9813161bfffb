"""Ids in order, however many: sorted on the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Self


class SortedIds:
    """Distinct ids in a temporary SQLite file, which is gone when this is closed.

    SQLite compares the bytes of UTF-8, which orders text as Python does.

    >>> with SortedIds() as ids:
    ...     ids.add(["b", "a", "ü", "b"])
    ...     list(ids.batches(2))
    [['a', 'b'], ['ü']]
    """

    def __init__(self) -> None:
        # No name makes a private file, of which SQLite keeps as much in memory as fits its cache.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, ids: Iterable[str]) -> None:
        """Takes in more ids; those that are there already count once."""
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO ids VALUES (?)", ((id_,) for id_ in ids))
        self._connection.execute("COMMIT")

    def batches(self, size: int) -> Iterator[list[str]]:
        """All of them in order, ``size`` at a time."""
        rows = self._connection.execute("SELECT id FROM ids ORDER BY id")
        while batch := rows.fetchmany(size):
            yield [id_ for (id_,) in batch]
