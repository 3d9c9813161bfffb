"""Stores: where embeddings live. ``open_store`` finds the right one by the scheme of its URL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from util.errors import InvalidInputError

if TYPE_CHECKING:
    from util.vector_store.base import VectorStore


class _Kind(NamedTuple):
    form: str
    module: str


STORES = {
    "embedded": _Kind("embedded:PATH", "util.vector_store.embedded"),
    "vearch": _Kind("vearch+http://user:password@HOST:9001/DB", "util.vector_store.vearch"),
    "qdrant": _Kind("qdrant+http://[:APIKEY@]HOST:6333 or qdrant+local:PATH", "util.vector_store.qdrant"),
}
"""The stores there are, by the scheme of their URL up to a ``+``. A module is imported when its store is opened; it
offers ``open_url(url, *, timeout)``."""


def open_store(url: str, *, timeout: float = 30.0) -> VectorStore:
    """Opens a store, making it where there is none yet.

    Args:
        url: ``embedded:PATH`` is the embedded store in one SQLite file; ``embedded::memory:`` one that is gone when it
            is closed.
        timeout: seconds to wait for another writer or for a server before giving up.

    Returns:
        The store; close it, or use it as a context manager.

    Raises:
        InvalidInputError: if the URL is of no known form.
        StoreUnavailableError: if the store cannot be reached or opened.
    """
    scheme, colon, rest = url.partition(":")
    kind = STORES.get(scheme.partition("+")[0]) if colon and rest else None
    if kind is None:
        forms = ", ".join(known.form for known in STORES.values())
        # A URL may hold a password: say no more of it than its scheme.
        given = f"the scheme {scheme!r}" if colon else "no scheme"
        raise InvalidInputError(f"the store URL has {given}{'' if rest else ' and no place'}: write {forms}")
    if not timeout >= 0:
        raise InvalidInputError(f"the timeout of a store is a number of seconds from 0 on, not {timeout}")
    store: VectorStore = import_module(kind.module).open_url(url, timeout=timeout)
    return store
