"""Approximate search through an index that is built, extended and built again as the space changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from util.records import Embeddings
from util.vector_store.embedded import exact
from util.vector_store.embedded.cache_file import CacheUnusableError
from util.vector_store.embedded.exact import Candidates
from util.vector_store.embedded.indexes import (
    BuiltIndex,
    CannotBuildError,
    CannotExtendError,
    IndexKind,
    SearchParameters,
    read_search_parameters,
)
from util.vector_store.embedded.indexes.base import KIND
from util.vector_store.embedded.rows import Positions, VectorRows

_log = logging.getLogger(__name__)

TokenOf = Callable[[int], str | None]

# Newer rows are scanned until they are this share of the index; an index with this share of removed rows is rebuilt.
_SHARE_NEWER, _SHARE_REMOVED = 0.1, 0.25
_FEW = 1000


class ApproximateSearch:
    """The index of one space.

    Rows that came after the index was built are scanned and rows that left are passed over, so results are never
    stale. One thread builds at a time; the others go on with what there is.

    Args:
        path: where the index is cached.
        kind: what the space asks for.
    """

    def __init__(self, path: Path, kind: IndexKind) -> None:
        self._path, self._kind = path, kind
        self._building = threading.Lock()
        self._built: BuiltIndex | None = None
        self._looked_on_disk = False
        self._fits = 0  # the change up to which the index was last found good enough
        self._tuned: tuple[BuiltIndex, SearchParameters] | None = None
        # After a failure (too few rows to learn from) the space has to grow before it is worth another try.
        self._least = kind.least_rows

    def nearest(
        self, rows: VectorRows, queries: Embeddings, k: int, *, parameters: str, token_of: TokenOf
    ) -> list[Candidates]:
        """About the k rows most similar to each query, with exact scores.

        Args:
            rows: the rows to search.
            queries: float32 (Q, D), unit rows.
            k: how many.
            parameters: how hard to search, as ``read_search_parameters`` takes them.
            token_of: the token of a change in this history.
        """
        effort = read_search_parameters(parameters)
        proposals = max(effort.proposals or self._kind.proposals, 4 * k)
        if 4 * proposals > rows.count or rows.count < self._least:
            return exact.nearest(rows, queries, k)
        self.refresh(rows, token_of=token_of, wait=False)
        built = self._built
        if built is None:
            return exact.nearest(rows, queries, k)
        self._tune(built, effort)
        proposed = [rows.positions(keys) for keys in built.propose(queries, proposals)]
        newer, start = rows.after(built.last_key)
        if newer.count:
            found = exact.nearest(newer, queries, k)
            proposed = [np.union1d(old, new.positions + start) for old, new in zip(proposed, found, strict=True)]
        return [self._best(rows, query, near, k) for query, near in zip(queries, proposed, strict=True)]

    def refresh(self, rows: VectorRows, *, token_of: TokenOf, wait: bool = True) -> None:
        """Loads, builds or extends the index where it is due.

        Args:
            rows: the rows it is to find.
            token_of: the token of a change in this history.
            wait: whether to wait for another thread that is at it.
        """
        if rows.count < self._least or rows.change <= self._fits or not self._building.acquire(blocking=wait):
            return
        try:
            if not self._looked_on_disk:
                self._built, self._looked_on_disk = self._from_disk(token_of), True
            if self._built is None or self._due(self._built, rows):
                made = self._made(rows)
                self._keep(made, rows.change, token_of)
                self._built = made  # only now: ANNOY unloads a forest while it saves it, which must not be searched
            self._fits = rows.change
        except CannotBuildError as error:
            self._least = 2 * rows.count
            _log.warning("searching %d images exactly: %s", rows.count, error)
        finally:
            self._building.release()

    @staticmethod
    def _best(rows: VectorRows, query: Embeddings, positions: Positions, k: int) -> Candidates:
        if len(positions) < k:  # the index looked at too few lists, or most of what it found was removed
            return exact.nearest(rows, query[np.newaxis], k)[0]
        return exact.best_of(rows, query, positions, k)

    def _due(self, built: BuiltIndex, rows: VectorRows) -> bool:
        newer, _ = rows.after(built.last_key)
        return newer.count > max(_FEW, _SHARE_NEWER * len(built.keys)) or self._unfit(built, rows)

    def _unfit(self, built: BuiltIndex, rows: VectorRows) -> bool:
        newer, _ = rows.after(built.last_key)
        removed = len(built.keys) - (rows.count - newer.count)
        return removed > max(_FEW, _SHARE_REMOVED * len(built.keys)) or built.outgrown(rows.count)

    def _made(self, rows: VectorRows) -> BuiltIndex:
        built = self._built
        if built is not None and not self._unfit(built, rows):
            try:
                return built.extended(rows)
            except CannotExtendError as error:
                _log.debug("building %s again, since it cannot be extended: %s", self._kind.text, error)
        return self._kind.build(rows)

    def _tune(self, built: BuiltIndex, parameters: SearchParameters) -> None:
        if self._tuned is None or self._tuned[0] is not built or self._tuned[1] != parameters:
            built.tune(parameters)
            self._tuned = built, parameters

    def _from_disk(self, token_of: TokenOf) -> BuiltIndex | None:
        try:
            built, header = self._kind.read(self._path)
        except CacheUnusableError as error:
            _log.debug("no index on disk: %s", error)
            return None
        if header["token"] != token_of(int(str(header["change"]))):
            _log.info("the index %s tells another history: building it again", self._path)
            return None
        return built

    def _keep(self, built: BuiltIndex, change: int, token_of: TokenOf) -> None:
        about = {"kind": KIND, "factory": self._kind.text, "made_for": built.made_for}
        try:
            built.write(self._path, {**about, "change": change, "token": token_of(change) or ""})
        except OSError as error:
            _log.warning("keeping the index in memory only: %s cannot be written (%s)", self._path, error)
