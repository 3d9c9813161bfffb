"""Connections to the SQLite file: many readers, one writer, and its errors in plain words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from util.errors import InvalidInputError, StoreError, StoreUnavailableError

_IDLE_CONNECTIONS = 8
_PRAGMAS = (
    # The write-ahead log is synced at every commit: what a commit returned from survives a power failure too.
    "synchronous = FULL",
    "foreign_keys = ON",
    # Some builds overwrite deleted bytes with zeros, which doubles the writing of every replacement.
    "secure_delete = OFF",
    # KiB; the indexes on hashes are written at random places.
    "cache_size = -32768",
    # Bytes that the write-ahead log keeps on disk after it has been copied back.
    "journal_size_limit = 67108864",
)


class Database:
    """One SQLite file in WAL mode, for the threads of one process.

    Args:
        path: the file; it and its folder are made where they are missing.
        timeout: seconds that a writer waits for another writer.
        on_connect: gives a new connection what its queries need.

    Raises:
        StoreUnavailableError: if the file cannot be opened.
    """

    def __init__(self, path: Path, *, timeout: float, on_connect: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self._timeout, self._on_connect = timeout, on_connect
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(f"cannot make the folder of the store {path}: {error.strerror}") from error

    def migrate(self, migrations: Callable[[sqlite3.Connection, Path], None]) -> None:
        """Has the schema brought up to date.

        Raises:
            StoreError: if that cannot be done with this file.
        """
        with self._plain_errors(), self._connection() as connection:
            migrations(connection, self.path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file, whatever is committed meanwhile."""
        with self._plain_errors(), self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection whose writes are committed together at the end, or not at all after an error.

        Raises:
            StoreUnavailableError: if others kept writing for the whole timeout.
        """
        if not self._turn.acquire(timeout=self._timeout):
            raise StoreUnavailableError(self._busy())
        try:
            with self._plain_errors(), self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.rollback()
                    raise
        finally:
            self._turn.release()

    def give_back_free_pages(self, *, pages: int = 2000) -> None:
        """Shrinks the file by what was deleted, a few pages at a time so that other writers get their turn."""
        with self._plain_errors(), self._connection() as connection:
            while connection.execute("PRAGMA freelist_count").fetchone()[0]:
                with self._turn:
                    connection.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()

    def close(self) -> None:
        """Closes the connections; those in use are closed when they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        with self._plain_errors():
            for connection in idle:
                connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._borrow()
        try:
            yield connection
        finally:
            with self._guard:
                kept = not self._closed and len(self._idle) < _IDLE_CONNECTIONS
                if kept:
                    self._idle.append(connection)
            if not kept:
                connection.close()

    def _borrow(self) -> sqlite3.Connection:
        if os.getpid() != self._process:
            # SQLite's locks do not survive a fork: using the connection here could damage the file.
            raise StoreError(f"the store {self.path} was opened in another process: open it again in this one")
        with self._guard:
            if self._closed:
                raise StoreError(f"the store {self.path} is closed: open it again")
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._on_connect(connection)
        return connection

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"{error.object!r} is not valid Unicode text and cannot be stored") from error

    def _explained(self, error: sqlite3.Error) -> StoreError:
        kind = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
        reasons = {
            "BUSY": self._busy(),
            "LOCKED": self._busy(),
            "READONLY": f"the store {self.path} is read-only here: give write permission to the file and its folder",
            "FULL": f"the disk of the store {self.path} is full: nothing of this batch was written; free some space",
            "CANTOPEN": f"cannot open the store {self.path}: it must be a file in a folder that can be written to",
            "IOERR": f"the disk of the store {self.path} failed ({error}): nothing of this batch was written",
            "PERM": f"no permission to open the store {self.path}",
            "AUTH": f"no permission to open the store {self.path}",
        }
        if kind in reasons:
            return StoreUnavailableError(reasons[kind])
        if kind == "NOTADB":
            return StoreError(f"{self.path} is not a NearID store: it is no SQLite database; name another file")
        if kind == "CORRUPT":
            return StoreError(f"the store {self.path} is damaged ({error}): restore a copy, or index again elsewhere")
        return StoreError(f"the store {self.path}: {error}")

    def _busy(self) -> str:
        return f"another writer has held the store {self.path} for {self._timeout:g} s: try again when it is done"
