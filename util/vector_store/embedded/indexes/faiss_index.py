"""Indexes of FAISS, by factory string or by name: checked, trained, filled, kept on disk.

FAISS only proposes rows here; their scores are computed again from the vectors. So the metric inside an index does not
matter: on unit rows, inner product and Euclidean distance (which HNSW over PQ always takes) rank alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import InvalidInputError
from util.records import Embeddings
from util.vector_store.embedded.cache_file import CacheUnusableError, CacheWriter
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.indexes.base import (
    LEAST_PROPOSALS,
    LEAST_ROWS,
    BuiltIndex,
    CannotBuildError,
    CannotExtendError,
    IndexKind,
)
from util.vector_store.embedded.indexes.search_parameters import SearchParameters
from util.vector_store.embedded.indexes.sizing import (
    LEAST_ROWS_A_CENTROID,
    Plan,
    faiss_plan,
    least_rows_of,
    search_queue,
)
from util.vector_store.embedded.rows import Positions, VectorRows
from util.vector_store.index_names import IndexName, is_name, read_index_name

# More training rows a centroid than this make training longer and hardly better.
_MOST_ROWS_A_CENTROID = 64
_LEAST_TRAINING = 32_768
_LEAST_VARIANCE = 1e-6  # share of a direction in the variance of all
_BLOCK = 16_384
_SEED = 20_240_501
# Codes that tell little apart need more rows to choose from.
_PROPOSALS = {"pq": 1000, "ivfpq": 1000, "lsh": 1000, "hnswpq": 400}
# Names aim at a recall of 0.95, and look further for it than factory strings always did.
_SHARE_OF_LISTS = {True: 16, False: 32}


class FaissKind(IndexKind):
    """An index of FAISS.

    Args:
        text: name or factory string.
        dimension: of the vectors.

    Raises:
        InvalidInputError: if the name, its options or the factory string cannot be.
    """

    def __init__(self, text: str, dimension: int) -> None:
        super().__init__(text, dimension)
        self._name = read_index_name(text) if is_name(text) else None
        smallest = _empty(self.plan(LEAST_ROWS), dimension)
        sizes = least_rows_of(self._name, dimension) if self._name else 0
        directions = dimension if "PCA" in self.plan(LEAST_ROWS).factory else 0
        self._least_rows = max(LEAST_ROWS, sizes, directions, LEAST_ROWS_A_CENTROID * _centroids(smallest))

    @property
    def least_rows(self) -> int:
        """Enough to learn its centroids from."""
        return self._least_rows

    @property
    def proposals(self) -> int:
        """More for codes that tell little apart."""
        if self._name is None:
            return LEAST_PROPOSALS
        return self._name.number("proposals") or _PROPOSALS.get(self._name.kind, LEAST_PROPOSALS)

    def plan(self, rows: int) -> Plan:
        """What FAISS is told to make for so many rows."""
        return Plan(self.text) if self._name is None else faiss_plan(self._name, rows, self.dimension)

    def check(self, parameters: SearchParameters) -> None:
        """Refuses search parameters that FAISS does not take for this index."""
        FaissIndex(_empty(self.plan(LEAST_ROWS), self.dimension), _NO_KEYS, 0, name=self._name).tune(parameters)

    def build(self, rows: VectorRows) -> FaissIndex:
        """Trains on a seeded sample and adds the rows that are alive."""
        plan = self.plan(rows.count)
        index = _empty(plan, rows.dimension)
        learns = not index.is_trained
        try:
            if learns:
                most = max(_LEAST_TRAINING, _MOST_ROWS_A_CENTROID * _centroids(index))
                sample = rows.take(np.sort(_shuffled(rows)[:most]))
                _keep_finite(index, len(sample))
                index.train(sample)
            keys = _add(index, rows)
        except RuntimeError as error:
            raise CannotBuildError(f"FAISS makes no {plan.factory}: {_reason(error)}") from error
        return FaissIndex(index, keys, rows.count if learns or self._name else 0, name=self._name)

    def read(self, path: Path) -> tuple[FaissIndex, Mapping[str, object]]:
        """Reads it back from the bytes of FAISS's own format."""
        faiss = _faiss()
        cache = self.opened(path)
        with path.open("rb") as file:
            file.seek(cache.offsets["index"])
            try:
                index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
            except RuntimeError as error:
                raise CacheUnusableError(f"{path}: {_reason(error)}") from error
        keys = np.array(cache.sections["keys"].view(np.int64))
        if index.d != self.dimension or index.ntotal != len(keys):
            raise CacheUnusableError(f"{path}: belongs to something else")
        return FaissIndex(index, keys, int(str(cache.header["made_for"])), name=self._name), cache.header


class FaissIndex(BuiltIndex):
    """A FAISS index over some rows.

    Args:
        index: the ``faiss.Index``; its labels count the rows.
        keys: of the rows, in the order of the labels.
        made_for: how many rows there were when it was laid out; 0 where it does not matter.
        name: the name it was asked for by; ``None`` for a factory string.
    """

    def __init__(self, index: Any, keys: Keys, made_for: int, *, name: IndexName | None) -> None:
        super().__init__(keys, made_for)
        self.index, self._name = index, name

    def tune(self, parameters: SearchParameters) -> None:
        """Sets parameters of FAISS; by default a share of the inverted lists, and a queue that suits a graph's size."""
        chosen = self._chosen()
        settings = ",".join(f"{name}={value}" for name, value in {**chosen, **parameters.of_library}.items())
        try:
            _faiss().ParameterSpace().set_index_parameters(self.index, settings)
        except RuntimeError as error:
            raise InvalidInputError(
                f"FAISS does not take the search parameters {settings!r} for this index ({_reason(error)}): "
                f"it takes {', '.join([*chosen, 'proposals'])}"
            ) from error

    def propose(self, queries: Embeddings, count: int) -> list[Keys]:
        """The rows that FAISS finds nearest."""
        _, labels = self.index.search(queries, count)
        return [self.keys[line[line >= 0]] for line in labels]

    def extended(self, rows: VectorRows) -> FaissIndex:
        """A clone with the newer rows added."""
        newer, _ = rows.after(self.last_key)
        try:
            index = _faiss().clone_index(self.index)
            keys = np.concatenate([self.keys, _add(index, newer)])
        except RuntimeError as error:
            raise CannotExtendError(_reason(error)) from error
        return FaissIndex(index, keys, self.made_for, name=self._name)

    def write(self, path: Path, header: Mapping[str, object]) -> None:
        """One section in FAISS's format, one of keys."""
        faiss = _faiss()
        with CacheWriter(path) as writer:
            with writer.section("index"):
                try:
                    faiss.write_index(self.index, faiss.PyCallbackIOWriter(writer.write))
                except RuntimeError as error:  # what FAISS makes of an error of the disk
                    raise OSError(_reason(error)) from error
            with writer.section("keys"):
                writer.write(self.keys)
            writer.finish(header)

    def _chosen(self) -> dict[str, object]:
        """Search parameters where none are given: those of the name's options, or chosen from what was built."""
        parts = list(_parts(self.index))
        lists = max((part.nlist for part in parts if hasattr(part, "nlist")), default=0)
        settings: dict[str, object] = {}
        if lists:
            share = _SHARE_OF_LISTS[self._name is not None]
            settings["nprobe"] = self._option("probes") or max(16, lists // share)
        if any(isinstance(part, _faiss().IndexHNSW) for part in parts):
            settings["efSearch"] = self._option("ef") or search_queue(self.index.ntotal if self._name else 0)
        return settings

    def _option(self, option: str) -> int | None:
        return None if self._name is None else self._name.number(option)


_NO_KEYS: Keys = np.empty(0, dtype=np.int64)


def _faiss() -> Any:
    """FAISS, imported when an index needs it; its stubs lack half of what it has."""
    import faiss

    return faiss


def _empty(plan: Plan, dimension: int) -> Any:
    faiss = _faiss()
    # LSH knows Euclidean distance alone. A PCA moves the centre, after which inner products rank otherwise.
    metric = faiss.METRIC_L2 if re.search("LSH|PCA", plan.factory) else faiss.METRIC_INNER_PRODUCT
    try:
        index = faiss.index_factory(dimension, plan.factory, metric)
    except RuntimeError as error:
        raise InvalidInputError(
            f"FAISS makes no index {plan.factory!r} for vectors of dimension {dimension}: {_reason(error)}; "
            "examples are Flat, HNSW32, 'IVF256,Flat' and 'IVF256,PQ32'; names such as hnsw are written small"
        ) from error
    for part in _parts(index):
        if isinstance(part, faiss.IndexIDMap | faiss.IndexNSG) or getattr(part, "nlist", 1) < 1:
            raise InvalidInputError(
                f"the index {plan.factory!r} cannot be used here: IDMap is not needed, NSG cannot grow, IVF needs lists"
            )
        if hasattr(part, "do_polysemous_training"):
            # It orders the codes for a filter that is not used here, and takes ten times as long as learning them.
            part.do_polysemous_training = False
        if plan.construction is not None and hasattr(part, "hnsw"):
            part.hnsw.efConstruction = plan.construction
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


def _keep_finite(index: Any, rows: int) -> None:
    """Keeps whitening from dividing by zero along directions in which the rows do not vary.

    FAISS adds ``epsilon`` to eigenvalues, whose sum over all directions is about the number of unit rows.
    """
    faiss = _faiss()
    for part in _parts(index):
        for number in range(part.chain.size() if isinstance(part, faiss.IndexPreTransform) else 0):
            transform = faiss.downcast_VectorTransform(part.chain.at(number))
            if isinstance(transform, faiss.PCAMatrix):
                transform.epsilon = _LEAST_VARIANCE * rows


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


def _reason(error: RuntimeError) -> str:
    """What FAISS says, without the function and line of its source."""
    return re.sub(r"^Error in .* at \S+:\d+: (Error: )?", "", str(error), flags=re.DOTALL).strip()
