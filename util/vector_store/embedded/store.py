"""The embedded store: everything in one SQLite file, searched in memory."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from util.errors import (
    DimensionMismatchError,
    InvalidInputError,
    SpaceExistsError,
    SpaceNotFoundError,
    StoreUnavailableError,
)
from util.records import Embeddings, Metadata, SearchResult, SpaceInfo
from util.vector_store.base import StoredImages, VectorStore
from util.vector_store.embedded import images, spaces
from util.vector_store.embedded.connections import Database
from util.vector_store.embedded.indexes import check_index
from util.vector_store.embedded.memory import SpaceInMemory, View, cache_path, remove_index
from util.vector_store.embedded.naming import Names, Ranking
from util.vector_store.embedded.schema import open_schema
from util.vector_store.embedded.spaces import SpaceRow
from util.vector_store.embedded.where_sql import WhereSql, register_functions, where_sql
from util.vector_store.filters import Where
from util.vector_store.index_names import SEARCH_PARAMETERS
from util.vector_store.validation import check_fingerprint, checked_batch, checked_queries

_log = logging.getLogger(__name__)


def open_url(url: str, *, timeout: float) -> EmbeddedStore:
    """The store of a URL ``embedded:PATH``, or ``embedded::memory:`` for one that is gone when it is closed."""
    path = url.partition(":")[2]
    if path == ":memory:":
        return TemporaryStore(timeout=timeout)
    return EmbeddedStore(Path(path).expanduser(), timeout=timeout)


class EmbeddedStore(VectorStore):
    """Spaces in one SQLite file, for one writer and many readers at a time, in any number of processes and threads.

    The database holds everything; beside it, ``PATH.index`` holds caches (the vectors as one matrix, FAISS indexes)
    that may be deleted at any time. ``docs/storage.md`` describes both.

    Args:
        path: the database; made, with its folder, where it is missing.
        timeout: seconds that a writer waits for another one.
        cache_from: size in bytes from which the vectors of a space are cached as a file.

    Raises:
        StoreUnavailableError: if the file cannot be opened.
        StoreError: if it is damaged, or no NearID store.
    """

    def __init__(self, path: str | Path, *, timeout: float = 30.0, cache_from: int = 16 << 20) -> None:
        self.path = Path(path)
        self.url = f"embedded:{path}"
        self._cache_from = cache_from
        self._folder = self.path.with_name(self.path.name + ".index")
        self._memory: dict[str, SpaceInMemory] = {}
        if self.path.is_dir():
            raise StoreUnavailableError(f"the store {path} is a folder: name a file in it, such as {path}/nearid.db")
        self._database = Database(self.path, timeout=timeout, on_connect=register_functions)
        try:
            self._database.migrate(open_schema)
        except BaseException:
            self._database.close()
            raise

    def create_space(self, space: SpaceInfo, *, exist_ok: bool = False) -> SpaceInfo:
        """Makes an empty space, after trying out its index."""
        _check_index(space, space.attributes)
        with self._database.writing() as connection:
            there = spaces.find_space(connection, space.name)
            if there is None:
                spaces.add_space(connection, space)
                return spaces.need_space(connection, space.name).info
        if not exist_ok:
            raise SpaceExistsError(f"the store {self.url} has a space {space.name!r} already: drop it or choose a name")
        _check_same(there.info, space)
        return there.info

    def info(self, space: str) -> SpaceInfo:
        """Properties and current count of a space."""
        with self._database.reading() as connection:
            return spaces.need_space(connection, space).info

    def list_spaces(self) -> list[SpaceInfo]:
        """All spaces, ordered by name."""
        with self._database.reading() as connection:
            return spaces.all_spaces(connection)

    def drop_space(self, space: str) -> None:
        """Removes a space and its caches, and gives the room back to the file system."""
        with self._database.writing() as connection:
            row = spaces.need_space(connection, space)
            spaces.remove_space(connection, row)
        self._memory.pop(space, None)
        try:
            cache_path(self._folder, row, "vectors").unlink(missing_ok=True)
            remove_index(self._folder, row)
            self._database.give_back_free_pages()
        except (OSError, StoreUnavailableError) as error:
            _log.warning("space %r is dropped, but not all of its room could be given back: %s", space, error)

    def annotate(self, space: str, attributes: Mapping[str, object]) -> SpaceInfo:
        """Merges JSON values into the attributes; ``search_parameters`` are tried out on the space's index first."""
        with self._database.writing() as connection:
            row = spaces.need_space(connection, space)
            merged = {name: value for name, value in {**row.info.attributes, **attributes}.items() if value is not None}
            _check_index(row.info, merged)
            spaces.set_attributes(connection, row, merged)
            return spaces.need_space(connection, space).info

    def set_index(self, space: str, index: str, *, search_parameters: str | None = None) -> SpaceInfo:
        """Gives a space another index, which the next search or ``refresh`` builds; the images stay as they are."""
        with self._database.writing() as connection:
            row = spaces.need_space(connection, space)
            attributes = {name: value for name, value in row.info.attributes.items() if name != SEARCH_PARAMETERS}
            if search_parameters is not None:
                attributes[SEARCH_PARAMETERS] = search_parameters
            changed = replace(row.info, index=index)
            _check_index(changed, attributes)
            spaces.set_index(connection, row, index)
            spaces.set_attributes(connection, row, attributes)
            now = spaces.need_space(connection, space).info
        if index != row.info.index:
            _remove_if_possible(self._folder, row)
        return now

    def upsert(
        self,
        space: str,
        ids: Sequence[str],
        vectors: Embeddings,
        metadata: Sequence[Metadata],
        *,
        fingerprint: str,
    ) -> None:
        """Writes a batch in one transaction, which is on the disk when this returns."""
        with self._database.writing() as connection:
            row = spaces.need_space(connection, space)
            batch = checked_batch(row.info, ids, vectors, metadata, fingerprint=fingerprint)
            if not batch.ids:
                return
            replaced = images.keys_of_ids(connection, row, batch.ids)
            images.remove_images(connection, replaced)
            images.add_images(connection, row, batch)
            spaces.log_change(connection, row, added=len(batch.ids), removed=replaced)

    def get(self, space: str, ids: Sequence[str]) -> StoredImages:
        """The images of these ids, in the order asked for."""
        with self._database.reading() as connection:
            return images.images_of_ids(connection, spaces.need_space(connection, space), ids)

    def delete(self, space: str, *, ids: Sequence[str] | None = None, where: Where | None = None) -> int:
        """Removes images by id or by filter, in one transaction."""
        with self._database.writing() as connection:
            row = spaces.need_space(connection, space)
            if ids is not None and where is None:
                keys = images.keys_of_ids(connection, row, ids)
            elif where is not None and ids is None:
                keys = images.matching_keys(connection, row, where_sql(where))
            else:
                raise InvalidInputError("delete takes either ids or a filter (where), and exactly one of them")
            if len(keys):
                images.remove_images(connection, keys)
                spaces.log_change(connection, row, added=0, removed=keys)
        return len(keys)

    def search(
        self,
        space: str,
        vectors: Embeddings,
        k: int,
        *,
        fingerprint: str,
        where: Where | None = None,
        queries: Sequence[str] | None = None,
        with_metadata: bool = True,
    ) -> list[SearchResult]:
        """The k most similar images to each query: exact, unless the space has an index and no filter is given."""
        condition = where_sql(where) if where else None
        with self._view(space) as view:
            asked, named = checked_queries(view.space.info, vectors, k, fingerprint=fingerprint, queries=queries)
            names, rankings = view.ranked(asked, int(k), condition)
            about = _metadata(view.connection, names, rankings) if with_metadata else None
        return [_result(query, names, ranking, about) for query, ranking in zip(named, rankings, strict=True)]

    def count(self, space: str, where: Where | None = None) -> int:
        """How many images (that match the filter) the space holds."""
        with self._database.reading() as connection:
            row = spaces.need_space(connection, space)
            return row.info.count if where is None else images.count_matching(connection, row, where_sql(where))

    def iterate(self, space: str, *, where: Where | None = None, batch_size: int = 1000) -> Iterator[StoredImages]:
        """All images in batches by id, each read by itself, so that a slow reader holds nobody up.

        A filter on an indexed field keeps the matching ids in memory.
        """
        if batch_size < 1:
            raise InvalidInputError(f"a batch holds at least one image, not {batch_size}")
        condition = where_sql(where or {})
        with self._database.reading() as connection:
            row = spaces.need_space(connection, space)
            # An index finds the ids of few images; without one, pages go through the images in the order of their ids.
            ids = images.matching_ids(connection, row, condition) if condition.narrowed else None
        return self._pages(row, condition, batch_size) if ids is None else self._of_ids(row, ids, condition, batch_size)

    def revision(self, space: str) -> str:
        """Names the last change in the log of the space, which no other history has."""
        with self._database.reading() as connection:
            row = spaces.need_space(connection, space)
            return f"{row.number}/{row.change}/{spaces.token_of(connection, row, row.change) or ''}"

    def refresh(self, space: str) -> None:
        """Reads what is new into memory, caches it, and builds or extends the space's index."""
        with self._view(space) as view:
            view.refresh()

    def close(self) -> None:
        """Lets go of the file and of what is held in memory."""
        self._memory.clear()
        self._database.close()

    @contextmanager
    def _view(self, space: str) -> Iterator[View]:
        memory = self._memory.setdefault(space, SpaceInMemory(self._folder, cache_from=self._cache_from))
        try:
            with memory.viewed(self._database, space) as view:
                yield view
        except SpaceNotFoundError:
            self._memory.pop(space, None)
            raise

    def _pages(self, space: SpaceRow, where: WhereSql, size: int) -> Iterator[StoredImages]:
        after = ""
        while True:
            with self._database.reading() as connection:
                page = images.page_of_images(connection, space, where, after=after, size=size)
            if len(page):
                yield page
                after = page.ids[-1]
            if len(page) < size:
                return

    def _of_ids(self, space: SpaceRow, ids: Sequence[str], where: WhereSql, size: int) -> Iterator[StoredImages]:
        for start in range(0, len(ids), size):
            with self._database.reading() as connection:
                page = images.images_of_ids(connection, space, ids[start : start + size], where=where)
            if len(page):
                yield page


class TemporaryStore(EmbeddedStore):
    """An embedded store in a folder of its own, which goes when the store is closed.

    Args:
        timeout: seconds that a writer waits for another one.
    """

    def __init__(self, *, timeout: float = 30.0) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="nearid-", ignore_cleanup_errors=True)
        super().__init__(Path(self._home.name) / "nearid.db", timeout=timeout)
        self.url = "embedded::memory:"

    def close(self) -> None:
        """Closes the store and removes it."""
        super().close()
        self._home.cleanup()


def _check_index(space: SpaceInfo, attributes: Mapping[str, object]) -> None:
    parameters = attributes.get(SEARCH_PARAMETERS, "")
    if not isinstance(parameters, str):
        raise InvalidInputError(f"{SEARCH_PARAMETERS} is text such as nprobe=32, not {parameters!r}")
    check_index(space.index, space.dimension, parameters)


def _remove_if_possible(folder: Path, space: SpaceRow) -> None:
    try:
        remove_index(folder, space)
    except OSError as error:
        _log.warning("the former index of space %r could not be removed: %s", space.info.name, error)


def _check_same(there: SpaceInfo, wanted: SpaceInfo) -> None:
    check_fingerprint(there, wanted.fingerprint)
    if there.dimension != wanted.dimension:
        raise DimensionMismatchError(
            f"space {there.name!r} holds vectors of dimension {there.dimension}, not {wanted.dimension}"
        )


def _metadata(connection: Connection, names: Names, rankings: Sequence[Ranking]) -> dict[int, Metadata]:
    """Metadata of all hits, by place among the names."""
    places = np.unique(np.concatenate([np.empty(0, dtype=np.intp), *(ranking.places for ranking in rankings)]))
    keys = names.keys[places]
    found = images.metadata_by_key(connection, keys)
    return {place: found[key] for place, key in zip(places.tolist(), keys.tolist(), strict=True)}


def _result(query: str, names: Names, ranking: Ranking, about: Mapping[int, Metadata] | None) -> SearchResult:
    metadata = () if about is None else tuple(about[place] for place in ranking.places.tolist())
    return SearchResult(query, tuple(names.ids[ranking.places].tolist()), ranking.scores, metadata)
