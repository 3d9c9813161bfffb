"""Connections to Qdrant: one to a server, or a share in the one that a folder allows."""

from __future__ import annotations

import logging
import math
import pickle
import re
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qdrant_client import QdrantClient

from util.errors import StoreError, StoreUnavailableError
from util.vector_store.qdrant.address import Folder, Server
from util.vector_store.qdrant.refusals import translated

OLDEST_VERSION = (1, 16)
"""The first release of the server whose collections have metadata, which is where a space is described."""

_log = logging.getLogger(__name__)


class Connection:
    """A Qdrant client that can be closed once and says so when it is used afterwards.

    Args:
        client: the client.
        name: how messages name the store.
        release: called once, when the connection is closed.
        lock: held during every call, for a client that only one thread may use at a time.

    Attributes:
        local: whether the client searches in this process.
    """

    def __init__(
        self, client: QdrantClient, name: str, *, release: Callable[[], None], lock: threading.RLock | None = None
    ) -> None:
        self.name = name
        self.local = lock is not None
        self._client = client
        self._release = release
        self._lock = lock
        self._closed = False

    @contextmanager
    def calling(self) -> Iterator[QdrantClient]:
        """The client, for one or more calls whose errors become NearID's.

        Raises:
            StoreError: if the connection is closed, or as :func:`translated` says.
        """
        if self._closed:
            raise StoreError(f"the store {self.name} is closed: open it again")
        with translated(f"the store {self.name}"):
            if self._lock is None:
                yield self._client
            else:
                with self._lock:
                    yield self._client

    def close(self) -> None:
        """Lets go of the client; calling it twice does no harm."""
        if not self._closed:
            self._closed = True
            self._release()


def connect(address: Server | Folder, *, timeout: float) -> Connection:
    """Opens a connection.

    Raises:
        StoreUnavailableError: if the server cannot be reached or is too old, or the folder is in use elsewhere.
        StoreError: if the folder holds no readable Qdrant storage.
    """
    if isinstance(address, Server):
        return _to_server(address, timeout=timeout)
    if address.path is None:
        client = QdrantClient(location=":memory:", force_disable_check_same_thread=True)
        return Connection(client, str(address), release=client.close, lock=threading.RLock())
    return _FOLDERS.join(address.path, name=str(address))


def _to_server(address: Server, *, timeout: float) -> Connection:
    with warnings.catch_warnings():
        # That a key travels over plain HTTP is said in the documentation; a closed network may well be meant.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        client = QdrantClient(
            url=address.url,
            api_key=address.key,
            timeout=max(1, math.ceil(min(timeout, 1 << 30))),
            check_compatibility=False,  # it only warns, from a thread of its own: asked below instead
        )
    connection = Connection(client, str(address), release=client.close)
    try:
        _check_version(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: Connection) -> None:
    with connection.calling() as client:
        version = client.info().version
    found = re.match(r"v?(\d+)\.(\d+)", version)
    oldest = ".".join(map(str, OLDEST_VERSION))
    if found is None or tuple(map(int, found.groups())) < OLDEST_VERSION:
        raise StoreUnavailableError(
            f"the store {connection.name} is Qdrant {version}, which cannot keep what a space is: use {oldest} or newer"
        )
    _log.info("store %s is Qdrant %s", connection.name, version)


class _SharedFolders:
    """The folders that this process has open: Qdrant locks a folder for one client, which is shared here."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._open: dict[Path, tuple[QdrantClient, threading.RLock]] = {}
        self._users: dict[Path, int] = {}

    def join(self, folder: Path, *, name: str) -> Connection:
        """A connection that shares the folder's client with the others there are."""
        path = folder.resolve()
        with self._guard:
            if path not in self._open:
                self._open[path] = (_open_folder(path, name=name), threading.RLock())
            client, lock = self._open[path]
            self._users[path] = self._users.get(path, 0) + 1
        return Connection(client, name, release=lambda: self._leave(path), lock=lock)

    def _leave(self, path: Path) -> None:
        with self._guard:
            self._users[path] -= 1
            if self._users[path] == 0:
                del self._users[path]
                client, lock = self._open.pop(path)
                with lock:
                    client.close()


_FOLDERS = _SharedFolders()


def _open_folder(path: Path, *, name: str) -> QdrantClient:
    try:
        # The lock of the connection keeps threads apart, as SQLite's own check would.
        return QdrantClient(path=str(path), force_disable_check_same_thread=True)
    except RuntimeError as error:
        raise StoreUnavailableError(
            f"the store {name} is open in another process, and Qdrant lets one in at a time: close it there, "
            "or run a Qdrant server"
        ) from error
    except OSError as error:
        raise StoreUnavailableError(f"the store {name} cannot be opened: {error}") from error
    except (sqlite3.Error, pickle.UnpicklingError, ValueError, LookupError, TypeError, EOFError) as error:
        raise StoreError(f"the store {name} is no Qdrant storage, or damaged: {error}") from error
