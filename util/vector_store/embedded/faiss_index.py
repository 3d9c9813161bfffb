"""FAISS indexes by factory string: checked, trained, filled, kept on disk.

FAISS only proposes rows here; their scores are computed again from the vectors. So the metric inside an index does not
matter: on unit rows, inner product and Euclidean distance (which HNSW over PQ always takes) rank alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import InvalidInputError
from util.records import Embeddings
from util.vector_store.embedded.cache_file import CacheUnusableError, CacheWriter, open_cache
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.rows import Positions, VectorRows

EXACT = "Flat"
"""The factory string of exact search, which needs no FAISS."""

# FAISS warns below 39 training rows a centroid. More than this many make training longer and hardly better.
_LEAST_ROWS_A_CENTROID, _MOST_ROWS_A_CENTROID = 39, 64
# A scan of fewer rows than this is quicker than any index.
_LEAST_ROWS = 1000
_LEAST_TRAINING = 32_768
_BLOCK = 16_384
_SEED = 20_240_501


@dataclass(frozen=True)
class BuiltIndex:
    """A FAISS index over some rows of a space.

    Attributes:
        index: the ``faiss.Index``; its labels count the rows.
        keys: keys of its rows, in the order of the labels.
        trained_on: how many rows the space had when the index was trained; 0 for one that learns nothing.
    """

    index: Any
    keys: Keys
    trained_on: int

    @cached_property
    def last_key(self) -> int:
        """The highest of its keys: rows with a higher one came later."""
        return int(self.keys.max())

    def propose(self, queries: Embeddings, count: int) -> list[Keys]:
        """Keys of about ``count`` rows near each query; some may have been removed since."""
        _, labels = self.index.search(queries, count)
        return [self.keys[line[line >= 0]] for line in labels]


def check_factory(factory: str, dimension: int, parameters: str = "") -> None:
    """Refuses factory strings and search parameters that FAISS does not take.

    Raises:
        InvalidInputError: with the reason FAISS gives.
    """
    if factory != EXACT:
        set_parameters(_empty(factory, dimension), parameters)


def least_rows(factory: str, dimension: int) -> int:
    """How many rows an index needs before it is worth building; until then search is exact."""
    return max(_LEAST_ROWS, _LEAST_ROWS_A_CENTROID * _centroids(_empty(factory, dimension)))


def build(factory: str, rows: VectorRows) -> BuiltIndex:
    """Trains an index on a seeded sample and fills it with the rows that are alive.

    Raises:
        RuntimeError: if FAISS cannot train on these rows.
    """
    index = _empty(factory, rows.dimension)
    trained_on = 0 if index.is_trained else rows.count
    if trained_on:
        most = max(_LEAST_TRAINING, _MOST_ROWS_A_CENTROID * _centroids(index))
        index.train(rows.take(np.sort(_shuffled(rows)[:most])))
    return BuiltIndex(index, _add(index, rows), trained_on)


def extended(built: BuiltIndex, rows: VectorRows) -> BuiltIndex:
    """A copy of an index with the rows that came since.

    Raises:
        RuntimeError: if this kind of index cannot be copied or added to.
    """
    index = _faiss().clone_index(built.index)
    newer, _ = rows.after(built.last_key)
    return BuiltIndex(index, np.concatenate([built.keys, _add(index, newer)]), built.trained_on)


def set_parameters(index: Any, parameters: str) -> None:
    """Sets how hard an index searches.

    Args:
        index: a FAISS index.
        parameters: FAISS's own notation, such as ``nprobe=32`` or ``efSearch=128``; empty for our defaults: one
            in 32 of the inverted lists and at least 16, a queue of 128 for HNSW.

    Raises:
        InvalidInputError: if this index has no such parameter.
    """
    faiss = _faiss()
    try:
        faiss.ParameterSpace().set_index_parameters(index, parameters or _default_parameters(index))
    except RuntimeError as error:
        raise InvalidInputError(
            f"FAISS does not take the search parameters {parameters!r}: {_reason(error)}"
        ) from error


def write_index(path: Path, built: BuiltIndex, *, factory: str, change: int, token: str) -> None:
    """Writes an index as it stood at a change.

    Raises:
        OSError: if the disk does not take it.
    """
    faiss = _faiss()
    with CacheWriter(path) as writer:
        with writer.section("index"):
            try:
                faiss.write_index(built.index, faiss.PyCallbackIOWriter(writer.write))
            except RuntimeError as error:  # what FAISS makes of an error of the disk
                raise OSError(_reason(error)) from error
        with writer.section("keys"):
            writer.write(built.keys)
        header = {"kind": "index", "factory": factory, "trained_on": built.trained_on}
        writer.finish(header | {"change": change, "token": token})


def read_index(path: Path, *, factory: str, dimension: int) -> tuple[BuiltIndex, int, str]:
    """An index from disk, with the number and token of the change it shows.

    Raises:
        CacheUnusableError: if there is none, or none that can be used.
    """
    faiss = _faiss()
    cache = open_cache(path)
    header = cache.header
    if header.get("kind") != "index" or header.get("factory") != factory:
        raise CacheUnusableError(f"{path}: belongs to something else")
    with path.open("rb") as file:
        file.seek(cache.offsets["index"])
        try:
            index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        except RuntimeError as error:
            raise CacheUnusableError(f"{path}: {_reason(error)}") from error
    keys = np.array(cache.sections["keys"].view(np.int64))
    if index.d != dimension or index.ntotal != len(keys):
        raise CacheUnusableError(f"{path}: belongs to something else")
    built = BuiltIndex(index, keys, int(str(header["trained_on"])))
    return built, int(str(header["change"])), str(header["token"])


def _faiss() -> Any:
    """FAISS, imported when an index needs it; its stubs lack half of what it has."""
    import faiss

    return faiss


def _empty(factory: str, dimension: int) -> Any:
    faiss = _faiss()
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InvalidInputError(
            f"FAISS makes no index {factory!r} for vectors of dimension {dimension}: {_reason(error)}; "
            "examples are Flat, HNSW32, 'IVF256,Flat' and 'IVF256,PQ32'"
        ) from error
    for part in _parts(index):
        if isinstance(part, faiss.IndexIDMap | faiss.IndexNSG) or getattr(part, "nlist", 1) < 1:
            raise InvalidInputError(
                f"the index {factory!r} cannot be used here: IDMap is not needed, NSG cannot grow, IVF needs lists"
            )
        if hasattr(part, "do_polysemous_training"):
            # It orders the codes for a filter that is not used here, and takes ten times as long as learning them.
            part.do_polysemous_training = False
    return index


def _add(index: Any, rows: VectorRows) -> Keys:
    """Adds the rows that are alive and says their keys in the order of their labels.

    In random order: HNSW joins badly what comes group by group, as photos sorted by item do.
    """
    order = _shuffled(rows)
    for start in range(0, len(order), _BLOCK):
        index.add(rows.take(order[start : start + _BLOCK]))
    return rows.keys[order]


def _shuffled(rows: VectorRows) -> Positions:
    return np.random.default_rng(_SEED).permutation(rows.alive)


def _centroids(index: Any) -> int:
    """The largest number of centroids that any part of an index has to learn; 0 where it learns none."""
    codes = [part.pq.ksub for part in _parts(index) if hasattr(part, "pq")]
    return max([getattr(part, "nlist", 0) for part in _parts(index)] + codes)


def _parts(index: Any) -> Iterator[Any]:
    """An index and what it is made of. None of them outlives the index itself."""
    faiss = _faiss()
    index = faiss.downcast_index(index)
    yield index
    for name in ("index", "base_index", "storage"):
        inner = getattr(index, name, None)
        if inner is not None:
            yield from _parts(inner)


def _default_parameters(index: Any) -> str:
    faiss = _faiss()
    parts = list(_parts(index))
    lists = max((part.nlist for part in parts if hasattr(part, "nlist")), default=0)
    settings = [f"nprobe={max(16, lists // 32)}"] if lists else []
    settings += ["efSearch=128"] if any(isinstance(part, faiss.IndexHNSW) for part in parts) else []
    return ",".join(settings)


def _reason(error: RuntimeError) -> str:
    """What FAISS says, without the function and line of its source."""
    return re.sub(r"^Error in .* at \S+:\d+: (Error: )?", "", str(error), flags=re.DOTALL).strip()
