"""What this process holds of a space in memory, and what one search sees of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.records import Embeddings
from util.vector_store.embedded import exact
from util.vector_store.embedded.approximate import ApproximateSearch
from util.vector_store.embedded.connections import Database
from util.vector_store.embedded.exact import Candidates
from util.vector_store.embedded.filter_cache import FilterCache
from util.vector_store.embedded.images import ids_by_key
from util.vector_store.embedded.indexes import index_kind
from util.vector_store.embedded.naming import Names, Ranking, ranked_fully
from util.vector_store.embedded.resident import ResidentVectors
from util.vector_store.embedded.rows import Positions, VectorRows
from util.vector_store.embedded.spaces import SpaceRow, need_space_to_search, token_of
from util.vector_store.embedded.where_sql import WhereSql
from util.vector_store.index_names import SEARCH_PARAMETERS, is_exact

# From this many scores on, matrix products in float64 are quicker than computing each row again.
_MANY_SCORES = 1 << 16


class SpaceInMemory:
    """The vectors, index, ids and filters of one space, shared by the threads of this process.

    Args:
        folder: where caches lie.
        cache_from: size in bytes from which vectors are worth a cache file.
    """

    def __init__(self, folder: Path, *, cache_from: int) -> None:
        self._folder, self._cache_from = folder, cache_from
        self._stepping = threading.Lock()
        self._number = 0
        self._vectors: ResidentVectors
        self._index: tuple[str, ApproximateSearch | None] = ("", None)
        self.filters = FilterCache()
        self._names: tuple[int, Names] | None = None

    @contextmanager
    def viewed(self, database: Database, name: str) -> Iterator[View]:
        """The space as it is now; what is written meanwhile does not change the view.

        Raises:
            SpaceNotFoundError: if there is no such space.
        """
        with database.reading() as connection:
            # The state that a connection sees is fixed by its first query. Fixing it under the lock means that the
            # rows in memory are never ahead of it.
            with self._stepping:
                space = need_space_to_search(connection, name)
                if space.number != self._number:
                    self._begin(space)
                rows, index = self._vectors.at(connection, space), self._index_of(space)
            yield View(connection, space, rows, index, self)

    def all_names(self, connection: sqlite3.Connection, space: SpaceRow) -> Names:
        """The ids of the whole space, read once a change."""
        held = self._names
        if held is None or held[0] != space.change:
            held = self._names = (space.change, Names(*ids_by_key(connection, space)))
        return held[1]

    def _begin(self, space: SpaceRow) -> None:
        """Starts anew: the space is another one than last time, even if it has the same name."""
        self._vectors = ResidentVectors(cache_path(self._folder, space, "vectors"), cache_from=self._cache_from)
        self._index = ("", None)
        self.filters, self._names = FilterCache(), None
        self._number = space.number

    def _index_of(self, space: SpaceRow) -> ApproximateSearch | None:
        """What searches the index that the space asks for now, which may have been changed."""
        asked = space.info.index
        if self._index[0] != asked:
            path = cache_path(self._folder, space, "faiss")
            kind = None if is_exact(asked) else index_kind(asked, space.info.dimension)
            self._index = (asked, ApproximateSearch(path, kind) if kind else None)
        return self._index[1]


def cache_path(folder: Path, space: SpaceRow, kind: str) -> Path:
    """The cache file of a space."""
    return folder / f"space-{space.number}.{kind}"


def remove_index(folder: Path, space: SpaceRow) -> None:
    """Deletes what is cached of a space's index.

    Raises:
        OSError: if the folder does not allow it.
    """
    for kind in ("faiss", "annoy-*"):
        for path in folder.glob(f"space-{space.number}.{kind}"):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class View:
    """One state of a space.

    Attributes:
        connection: sees that state of the database.
        space: the space's row.
        rows: its vectors.
        index: searches its index; ``None`` for exact search.
        memory: what is shared with other views.
    """

    connection: sqlite3.Connection
    space: SpaceRow
    rows: VectorRows
    index: ApproximateSearch | None
    memory: SpaceInMemory

    def ranked(self, queries: Embeddings, k: int, where: WhereSql | None) -> tuple[Names, list[Ranking]]:
        """The k best images for each query, and the names that the rankings point to."""
        among = None if where is None else self._matching(where)
        available = self.rows.count if among is None else len(among)
        hits = len(queries) * min(k, available)
        if 4 * k >= available and hits > _MANY_SCORES:
            chosen = self.rows.alive if among is None else among
            names = self._names(chosen, hits)
            places = names.places(self.rows.keys[chosen])
            scores = exact.full_scores(self.rows, queries, chosen)
            return names, [ranking for block in scores for ranking in ranked_fully(block, places, k)]
        found = self._nearest(queries, k, among)
        nothing = np.empty(0, dtype=np.intp)
        names = self._names(np.unique(np.concatenate([nothing, *(line.positions for line in found)])), hits)
        return names, [names.ranked(self.rows, line, k) for line in found]

    def refresh(self) -> None:
        """Builds or extends the index where it is due."""
        if self.index is not None:
            self.index.refresh(self.rows, token_of=self._token_of)

    def _nearest(self, queries: Embeddings, k: int, among: Positions | None) -> list[Candidates]:
        if among is not None or self.index is None:
            return exact.nearest(self.rows, queries, k, among=among)
        parameters = str(self.space.info.attributes.get(SEARCH_PARAMETERS, ""))
        return self.index.nearest(self.rows, queries, k, parameters=parameters, token_of=self._token_of)

    def _matching(self, where: WhereSql) -> Positions:
        keys = self.memory.filters.keys(self.connection, self.space, where, last_key=self.rows.last_key)
        return self.rows.positions(keys)

    def _names(self, positions: Positions, hits: int) -> Names:
        if 8 * hits > self.rows.count:
            return self.memory.all_names(self.connection, self.space)
        return Names(*ids_by_key(self.connection, self.space, self.rows.keys[positions]))

    def _token_of(self, change: int) -> str | None:
        return token_of(self.connection, self.space, change)
