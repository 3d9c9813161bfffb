"""A space as this process holds it in memory, kept in step with the database.

The first search maps the cached matrix (or reads the vectors); each later one reads only what came or went since.
A search works on a frozen state, so that others may move on meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from util.errors import StoreError
from util.records import Embeddings
from util.vector_store.embedded.cache_file import CacheUnusableError
from util.vector_store.embedded.images import Keys, keys_after, vectors_after
from util.vector_store.embedded.rows import GrowingArray, VectorRows
from util.vector_store.embedded.spaces import SpaceRow, removed_since, token_of
from util.vector_store.embedded.vector_cache import NONE_DEAD, read_vectors, write_vectors

_log = logging.getLogger(__name__)

# New rows are kept apart from the cached ones until they are this share of them; so are removed ones.
_SHARE = 0.25
_FEW = 4096


class ResidentVectors:
    """The vectors of one space.

    Args:
        path: where the matrix is cached.
        cache_from: size in bytes from which a matrix is worth a file.
    """

    def __init__(self, path: Path, *, cache_from: int) -> None:
        self._path, self._cache_from = path, cache_from
        self._rows: VectorRows | None = None
        self._cached: tuple[Embeddings, ...] = ()
        self._keys = self._vectors = GrowingArray((), np.int64)

    def at(self, connection: sqlite3.Connection, space: SpaceRow) -> VectorRows:
        """The rows as the connection's state of the database has them. Not for two threads at once.

        Raises:
            StoreError: if the database contradicts itself.
        """
        rows, self._rows = self._rows, None  # an error half-way through leaves nothing to go on from
        if rows is None:
            rows = self._opened(connection, space)
        if rows.change != space.change:
            rows = self._advanced(connection, space, rows)
        self._rows = rows
        return rows

    def _opened(self, connection: sqlite3.Connection, space: SpaceRow) -> VectorRows:
        try:
            rows, token = read_vectors(self._path, dimension=space.info.dimension)
        except CacheUnusableError as error:
            _log.debug("reading the vectors of space %r from the database: %s", space.info.name, error)
            return self._start(space)
        if token != token_of(connection, space, rows.change):
            _log.info("the cache %s tells another history: building it again", self._path)
            return self._start(space)
        return self._adopt(rows)

    def _start(self, space: SpaceRow) -> VectorRows:
        nothing = np.empty((0, space.info.dimension), dtype=np.float32)
        return self._adopt(VectorRows(0, np.empty(0, dtype=np.int64), (nothing,), NONE_DEAD))

    def _adopt(self, rows: VectorRows) -> VectorRows:
        """Makes these rows the ones that later ones are appended to."""
        self._cached = rows.pieces
        self._keys = GrowingArray((), np.int64, capacity=len(rows.keys))
        self._keys.append(rows.keys)
        self._vectors = GrowingArray(rows.pieces[0].shape[1:], np.float32)
        return VectorRows(rows.change, self._keys.rows, rows.pieces, rows.dead)

    def _advanced(self, connection: sqlite3.Connection, space: SpaceRow, rows: VectorRows) -> VectorRows:
        rows = _without_removed(connection, space, rows)
        arriving = space.info.count - rows.count
        waiting = len(self._vectors.rows) + arriving
        if waiting > max(_FEW, _SHARE * len(rows.keys)) or len(rows.dead) > max(_FEW, _SHARE * len(rows.keys)):
            rows = self._rebuilt(connection, space, rows)
        else:
            for keys, vectors in vectors_after(connection, space, rows.last_key):
                self._keys.append(keys)
                self._vectors.append(vectors)
            rows = VectorRows(space.change, self._keys.rows, (*self._cached, self._vectors.rows), rows.dead)
        if rows.count != space.info.count:
            raise StoreError(
                f"space {space.info.name!r} is damaged: it counts {space.info.count} images and holds {rows.count}"
            )
        return rows

    def _rebuilt(self, connection: sqlite3.Connection, space: SpaceRow, rows: VectorRows) -> VectorRows:
        """All rows in one piece, without the removed ones."""
        dimension = space.info.dimension

        def blocks() -> Iterator[tuple[Keys, Embeddings]]:
            return chain(rows.blocks(), vectors_after(connection, space, rows.last_key))

        if space.info.count * dimension * 4 >= self._cache_from:
            token = token_of(connection, space, space.change) or ""
            try:
                write_vectors(self._path, blocks(), dimension=dimension, change=space.change, token=token)
                return self._adopt(read_vectors(self._path, dimension=dimension)[0])
            except (OSError, CacheUnusableError) as error:
                _log.warning("keeping the vectors in memory only: %s cannot be written (%s)", self._path, error)
        keys = GrowingArray((), np.int64, capacity=space.info.count)
        vectors = GrowingArray((dimension,), np.float32, capacity=space.info.count)
        for new_keys, new_vectors in blocks():
            keys.append(new_keys)
            vectors.append(new_vectors)
        return self._adopt(VectorRows(space.change, keys.rows, (vectors.rows,), NONE_DEAD))


def _without_removed(connection: sqlite3.Connection, space: SpaceRow, rows: VectorRows) -> VectorRows:
    """The same rows with those marked dead that were removed since."""
    removed = removed_since(connection, space, rows.change)
    if removed is None:
        there = keys_after(connection, space, 0)
        dead = np.flatnonzero(~np.isin(rows.keys, there, assume_unique=True))
    else:
        dead = np.union1d(rows.dead, rows.positions(removed))
    return VectorRows(space.change, rows.keys, rows.pieces, dead)
