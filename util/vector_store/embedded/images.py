"""Rows of the tables ``images`` and ``vectors``.

A row is never changed: writing an id again removes its row and adds one under a new key. Keys rise and are never used
again, so what is new is what has a higher key, and what was ever read under a key stays true of it.
"""

# The SQL is put together from our own words only; everything given to us travels as a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from util.errors import StoreError
from util.records import Embeddings, Metadata
from util.vector_store.base import StoredImages
from util.vector_store.embedded.spaces import SpaceRow
from util.vector_store.embedded.where_sql import EVERYTHING, WhereSql
from util.vector_store.validation import Batch

Keys = NDArray[np.int64]

_BLOCK = 4096


def add_images(connection: sqlite3.Connection, space: SpaceRow, batch: Batch) -> None:
    """Writes images whose ids are not there (any more)."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'images'").fetchone()
    first = 1 + (row[0] if row is not None else 0)
    connection.executemany(
        "INSERT INTO images (key, space, id, metadata) VALUES (?, ?, ?, ?)",
        (
            (key, space.number, id_, json.dumps(dict(fields), ensure_ascii=False))
            for key, (id_, fields) in enumerate(zip(batch.ids, batch.metadata, strict=True), first)
        ),
    )
    vectors = batch.vectors.astype("<f4", copy=False)
    connection.executemany(
        "INSERT INTO vectors (key, vector) VALUES (?, ?)",
        ((key, vector.tobytes()) for key, vector in enumerate(vectors, first)),
    )


def remove_images(connection: sqlite3.Connection, keys: Keys) -> None:
    """Deletes rows by key."""
    wanted = (json.dumps(keys.tolist()),)
    for table in ("vectors", "images"):
        connection.execute(f"DELETE FROM {table} WHERE key IN (SELECT value FROM json_each(?))", wanted)


def keys_of_ids(connection: sqlite3.Connection, space: SpaceRow, ids: Sequence[str]) -> Keys:
    """Keys of the ids that are there, ascending."""
    rows = connection.execute(
        "SELECT key FROM images WHERE space = ? AND id IN (SELECT value FROM json_each(?))",
        (space.number, _json_ids(ids)),
    )
    return np.unique(_column(rows))


def keys_after(connection: sqlite3.Connection, space: SpaceRow, key: int) -> Keys:
    """All keys above one, ascending."""
    return _column(
        connection.execute("SELECT key FROM images WHERE space = ? AND key > ? ORDER BY key", (space.number, key))
    )


def matching_keys(connection: sqlite3.Connection, space: SpaceRow, where: WhereSql, *, after: int = 0) -> Keys:
    """Keys above one of the images that match a filter, ascending."""
    rows = connection.execute(
        f"SELECT images.key FROM {where.source} WHERE space = :space AND images.key > :after "
        f"AND {where.condition} ORDER BY images.key",
        {"space": space.number, "after": after} | dict(where.parameters),
    )
    return _column(rows)


def count_matching(connection: sqlite3.Connection, space: SpaceRow, where: WhereSql) -> int:
    """How many images match a filter."""
    row = connection.execute(
        f"SELECT count(*) FROM {where.source} WHERE space = :space AND {where.condition}",
        {"space": space.number} | dict(where.parameters),
    ).fetchone()
    return int(row[0])


def matching_ids(connection: sqlite3.Connection, space: SpaceRow, where: WhereSql) -> list[str]:
    """Ids of the images that match a filter, in order."""
    rows = connection.execute(
        f"SELECT id FROM {where.source} WHERE space = :space AND {where.condition} ORDER BY id",
        {"space": space.number} | dict(where.parameters),
    )
    return [id_ for (id_,) in rows]


def vectors_after(connection: sqlite3.Connection, space: SpaceRow, key: int) -> Iterator[tuple[Keys, Embeddings]]:
    """Keys above one and their vectors, in blocks of ascending keys."""
    rows = connection.execute(
        "SELECT key, vector FROM images INDEXED BY images_by_space JOIN vectors USING (key) "
        "WHERE space = ? AND key > ? ORDER BY key",
        (space.number, key),
    )
    while block := rows.fetchmany(_BLOCK):
        keys = np.fromiter((key for key, _ in block), dtype=np.int64, count=len(block))
        yield keys, _vectors([blob for _, blob in block], space)


def page_of_images(
    connection: sqlite3.Connection, space: SpaceRow, where: WhereSql, *, after: str, size: int
) -> StoredImages:
    """The first images that match a filter with an id above one."""
    # The condition is tried on the images in the order of their ids: the next page goes on where this one ended.
    rows = connection.execute(
        "SELECT id, metadata, vector FROM images INDEXED BY sqlite_autoindex_images_1 JOIN vectors USING (key) "
        f"WHERE space = :space AND id > :after AND {where.condition} ORDER BY id LIMIT :size",
        {"space": space.number, "after": after, "size": size} | dict(where.parameters),
    )
    return _images(rows.fetchall(), space)


def images_of_ids(
    connection: sqlite3.Connection, space: SpaceRow, ids: Sequence[str], *, where: WhereSql = EVERYTHING
) -> StoredImages:
    """The images of those ids that are there (and match a filter), in the order given."""
    rows = connection.execute(
        "SELECT id, metadata, vector FROM images JOIN vectors USING (key) "
        f"WHERE space = :space AND id IN (SELECT value FROM json_each(:ids)) AND {where.condition}",
        {"space": space.number, "ids": _json_ids(ids)} | dict(where.parameters),
    )
    found = {row[0]: row for row in rows}
    return _images([found[id_] for id_ in ids if id_ in found], space)


def ids_by_key(
    connection: sqlite3.Connection, space: SpaceRow, keys: Keys | None = None
) -> tuple[Keys, NDArray[np.object_]]:
    """Keys and ids of some images (of all without ``keys``), ordered by id."""
    if keys is None:
        rows = connection.execute("SELECT key, id FROM images WHERE space = ? ORDER BY id", (space.number,)).fetchall()
    else:
        rows = connection.execute(
            "SELECT key, id FROM images WHERE key IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(keys.tolist()),),
        ).fetchall()
    ids = np.empty(len(rows), dtype=object)
    ids[:] = [id_ for _, id_ in rows]
    return np.fromiter((key for key, _ in rows), dtype=np.int64, count=len(rows)), ids


def metadata_by_key(connection: sqlite3.Connection, keys: Keys) -> dict[int, Metadata]:
    """Metadata of some images by key."""
    rows = connection.execute(
        "SELECT key, metadata FROM images WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(keys.tolist()),)
    )
    return {key: json.loads(metadata) for key, metadata in rows}


def _images(rows: Sequence[tuple[str, str, bytes]], space: SpaceRow) -> StoredImages:
    return StoredImages(
        tuple(id_ for id_, _, _ in rows),
        _vectors([blob for _, _, blob in rows], space),
        tuple(json.loads(metadata) for _, metadata, _ in rows),
    )


def _vectors(blobs: Sequence[bytes], space: SpaceRow) -> Embeddings:
    dimension = space.info.dimension
    if any(size != dimension * 4 for size in set(map(len, blobs))):
        raise StoreError(f"space {space.info.name!r} is damaged: a vector is not {dimension} numbers of 4 bytes")
    return np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), dimension).astype(np.float32)


def _column(rows: sqlite3.Cursor) -> Keys:
    return np.fromiter((key for (key,) in rows), dtype=np.int64)


def _json_ids(ids: Sequence[str]) -> str:
    # SQLite ends the text of a JSON value at a NUL, so such an id, which no image has, would be taken for another.
    return json.dumps([id_ for id_ in ids if "\0" not in id_])
