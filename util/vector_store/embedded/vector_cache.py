"""The matrix of a space on disk, so that opening a large store does not read every row of the database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from util.records import Embeddings
from util.vector_store.embedded.cache_file import CacheUnusableError, CacheWriter, open_cache
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.rows import Positions, VectorRows

NONE_DEAD: Positions = np.empty(0, dtype=np.intp)


def write_vectors(
    path: Path, blocks: Iterable[tuple[Keys, Embeddings]], *, dimension: int, change: int, token: str
) -> None:
    """Writes keys and vectors as they stood at a change.

    Raises:
        OSError: if the disk does not take them.
    """
    with CacheWriter(path) as writer:
        keys = [np.empty(0, dtype=np.int64)]
        with writer.section("vectors"):
            for block, vectors in blocks:
                keys.append(block)
                writer.write(vectors)
        with writer.section("keys"):
            writer.write(np.concatenate(keys))
        writer.finish({"kind": "vectors", "dimension": dimension, "change": change, "token": token})


def read_vectors(path: Path, *, dimension: int) -> tuple[VectorRows, str]:
    """The rows of a cache file, mapped into memory, and the token of the change they show.

    Raises:
        CacheUnusableError: if there is no such file, or none that can be used.
    """
    cache = open_cache(path)
    header = cache.header
    if header.get("kind") != "vectors" or header.get("dimension") != dimension:
        raise CacheUnusableError(f"{path}: belongs to something else")
    keys = cache.sections["keys"].view(np.int64)
    vectors = cache.sections["vectors"].view(np.float32).reshape(len(keys), dimension)
    return VectorRows(int(str(header["change"])), keys, (vectors,), NONE_DEAD), str(header["token"])
