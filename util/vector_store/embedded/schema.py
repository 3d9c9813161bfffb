"""Tables of the embedded store, as numbered migrations. ``docs/storage.md`` explains them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from util.errors import StoreError, StoreUnavailableError

APPLICATION_ID = 0x4E724944  # "NrID": tells our files from other SQLite databases
INDEXED_FIELDS = ("item", "sha256")
"""Metadata fields that are asked for so often that they have an index."""

_Migration = Callable[[sqlite3.Connection], None]


def m001_spaces_images_vectors(connection: sqlite3.Connection) -> None:
    """Spaces, their images, the vectors apart (a scan of the metadata does not read them), and the log of changes."""
    connection.execute("""
        CREATE TABLE spaces (
            space INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            extractor TEXT NOT NULL,
            dimension INTEGER NOT NULL CHECK (dimension > 0),
            fingerprint TEXT NOT NULL,
            recipe TEXT NOT NULL,
            metric TEXT NOT NULL,
            index_factory TEXT NOT NULL,
            attributes TEXT NOT NULL,
            count INTEGER NOT NULL DEFAULT 0,
            change INTEGER NOT NULL DEFAULT 0
        )""")
    connection.execute("""
        CREATE TABLE images (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            space INTEGER NOT NULL REFERENCES spaces (space),
            id TEXT NOT NULL,
            metadata TEXT NOT NULL,
            UNIQUE (space, id)
        )""")
    connection.execute("CREATE INDEX images_by_space ON images (space)")
    connection.execute("CREATE TABLE vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
    connection.execute("""
        CREATE TABLE changes (
            space INTEGER NOT NULL REFERENCES spaces (space),
            change INTEGER NOT NULL,
            token BLOB NOT NULL,
            removed BLOB,
            PRIMARY KEY (space, change)
        ) WITHOUT ROWID""")
    for field in ("item", "sha256"):
        connection.execute(f"CREATE INDEX images_by_{field} ON images (space, json_extract(metadata, '$.{field}'))")
        connection.execute(
            f"CREATE INDEX images_with_{field}_list ON images (space) WHERE json_type(metadata, '$.{field}') = 'array'"
        )


MIGRATIONS: tuple[_Migration, ...] = (m001_spaces_images_vectors,)


def open_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables of a new file, or brings those of an older one up to date.

    Raises:
        StoreError: if the file belongs to another program or to a newer NearID.
        StoreUnavailableError: if the file system cannot hold a write-ahead log.
    """
    version = _checked_version(connection, path)
    if version == len(MIGRATIONS):
        return
    if version == 0:
        _choose_layout(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while this one waited for its turn.
        for number in range(_checked_version(connection, path), len(MIGRATIONS)):
            MIGRATIONS[number](connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{path} is an SQLite database of another program, not a NearID store: name another file")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} was written by a newer NearID (format {version}, this one reads up to "
            f"{len(MIGRATIONS)}): upgrade NearID"
        )
    return int(version)


def _choose_layout(connection: sqlite3.Connection, path: Path) -> None:
    # Pages of 8 KiB hold three vectors of 512 numbers; of the usual 4 KiB each would hold one and be half empty.
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    mode = _journal_mode(connection)
    if mode != "wal":
        raise StoreUnavailableError(
            f"the file system of {path} cannot hold a write-ahead log (mode {mode!r}): put the store on a local disk"
        )


def _journal_mode(connection: sqlite3.Connection) -> str:
    """Asks for a write-ahead log and says what the file has now.

    SQLite does not wait for others here as it does everywhere else.
    """
    deadline = time.monotonic() + connection.execute("PRAGMA busy_timeout").fetchone()[0] / 1000
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
