"""The Qdrant store: spaces as collections of a Qdrant server, or of a folder searched in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qdrant_client import QdrantClient, models

from util.errors import (
    DimensionMismatchError,
    InvalidInputError,
    PartialWriteError,
    SpaceExistsError,
    StoreError,
)
from util.records import Embeddings, Metadata, SearchResult, SpaceInfo
from util.vector_store.base import StoredImages, VectorStore
from util.vector_store.filters import Where, matches
from util.vector_store.qdrant import spaces
from util.vector_store.qdrant.address import Folder, Server, read_address
from util.vector_store.qdrant.collections import (
    Collection,
    all_collections,
    counted,
    find_collection,
    make_indexes,
    need_collection,
)
from util.vector_store.qdrant.conditions import EQUALITY, as_filter, compared_fields
from util.vector_store.qdrant.connection import Connection, connect
from util.vector_store.qdrant.points import ID, METADATA, image_id, images_of, point_id, points_of, request_size
from util.vector_store.qdrant.ranking import Points, complete_answers, exact_scores, ranked, scores_of
from util.vector_store.qdrant.sorted_ids import SortedIds
from util.vector_store.validation import check_fingerprint, checked_batch, checked_queries

_POINTS = 1000  # a request, at most
_BYTES = 8 << 20  # a request, about; a server takes 32 MB unless told otherwise
_HITS = 20_000  # a request, about
_LARGE_K = 1000
_ROUNDING = 2.0**-24


def open_url(url: str, *, timeout: float) -> QdrantStore:
    """The store of a URL ``qdrant+http://[:APIKEY@]HOST:6333``, ``qdrant+https://…`` or ``qdrant+local:PATH``."""
    return QdrantStore(read_address(url), timeout=timeout)


class QdrantStore(VectorStore):
    """Spaces in Qdrant. ``docs/storage.md`` describes how they are kept.

    A space with the index ``Flat`` is searched exactly. With any other it is searched by Qdrant's HNSW graph, the one
    approximate index that Qdrant has.

    Args:
        address: the server, or the folder.
        timeout: seconds to wait for an answer, rounded up to whole ones.

    Raises:
        StoreUnavailableError: if the server cannot be reached or is too old, or the folder is open elsewhere.
        StoreError: if the folder is no Qdrant storage.
    """

    def __init__(self, address: Server | Folder, *, timeout: float = 30.0) -> None:
        self.url = str(address)
        self._connection: Connection = connect(address, timeout=timeout)

    def create_space(self, space: SpaceInfo, *, exist_ok: bool = False) -> SpaceInfo:
        """Makes an empty space: one collection."""
        options = spaces.collection_options(space)
        with self._connection.calling() as client:
            there = find_collection(client, space.name)
            if there is None:
                name = spaces.collection_name(space.name)
                if client.collection_exists(name):
                    raise SpaceExistsError(
                        f"the store {self.url} has a collection {name!r} that NearID did not make: choose another name"
                    )
                client.create_collection(name, **options)
                made = need_collection(client, space.name)
                self._make_indexes(client, made, EQUALITY)
                return made.space
            if not exist_ok:
                raise SpaceExistsError(
                    f"the store {self.url} has a space {space.name!r} already: drop it or choose a name"
                )
            check_fingerprint(there.space, space.fingerprint)
            if there.space.dimension != space.dimension:
                raise DimensionMismatchError(
                    f"space {space.name!r} holds vectors of dimension {there.space.dimension}, not {space.dimension}"
                )
        return self.info(space.name)

    def info(self, space: str) -> SpaceInfo:
        """Properties and current count of a space."""
        with self._connection.calling() as client:
            return counted(client, need_collection(client, space))

    def list_spaces(self) -> list[SpaceInfo]:
        """All spaces, ordered by name. Collections that NearID did not make are left out."""
        with self._connection.calling() as client:
            return [counted(client, collection) for collection in all_collections(client)]

    def drop_space(self, space: str) -> None:
        """Removes a space with its collection."""
        with self._connection.calling() as client:
            client.delete_collection(need_collection(client, space).name)

    def annotate(self, space: str, attributes: Mapping[str, object]) -> SpaceInfo:
        """Merges JSON values into the attributes; each is merged by itself, so that others' stay."""
        texts = spaces.attribute_texts(attributes)
        with self._connection.calling() as client:
            client.update_collection(need_collection(client, space).name, metadata=texts)
            return counted(client, need_collection(client, space))

    def upsert(
        self,
        space: str,
        ids: Sequence[str],
        vectors: Embeddings,
        metadata: Sequence[Metadata],
        *,
        fingerprint: str,
    ) -> None:
        """Writes a batch, in as many requests as its size needs.

        Each request is written whole or not at all.

        Raises:
            PartialWriteError: if the batch needs several requests and only the first of them were confirmed; writing
                the batch again completes it.
        """
        with self._connection.calling() as client:
            collection = need_collection(client, space)
        batch = checked_batch(collection.space, ids, vectors, metadata, fingerprint=fingerprint)
        confirmed = 0
        for points in _requests(points_of(batch)):
            try:
                with self._connection.calling() as client:
                    client.upsert(collection.name, points, wait=True)
            except StoreError as error:
                if not confirmed:
                    raise
                written, rest = batch.ids[:confirmed], batch.ids[confirmed:]
                raise PartialWriteError(space, confirmed=written, unconfirmed=rest, reason=str(error)) from error
            confirmed += len(points)

    def get(self, space: str, ids: Sequence[str]) -> StoredImages:
        """The images of these ids, in the order asked for."""
        found: dict[str, models.Record] = {}
        with self._connection.calling() as client:
            collection = need_collection(client, space)
            for some in _parts([point_id(id_) for id_ in dict.fromkeys(ids)]):
                records = client.retrieve(collection.name, some, with_payload=[ID, METADATA], with_vectors=True)
                found |= {image_id(record.payload): record for record in records}
        return images_of([found[id_] for id_ in ids if id_ in found], collection.space.dimension)

    def delete(self, space: str, *, ids: Sequence[str] | None = None, where: Where | None = None) -> int:
        """Removes images by id or by filter.

        Qdrant does not say how many it removed: they are counted first, and what others write meanwhile is missed.
        """
        if (ids is None) == (where is None):
            raise InvalidInputError("delete takes either ids or a filter (where), and exactly one of them")
        with self._connection.calling() as client:
            collection = need_collection(client, space)
            if ids is None:
                return self._delete(client, collection, self._filter(client, collection, where) or models.Filter())
            named = _parts([point_id(id_) for id_ in dict.fromkeys(ids)])
            return sum(
                self._delete(client, collection, models.Filter(must=[models.HasIdCondition(has_id=list(some))]))
                for some in named
            )

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
        """The k most similar images to each query: exact for a space with the index ``Flat``."""
        with self._connection.calling() as client:
            collection = need_collection(client, space)
            asked, names = checked_queries(collection.space, vectors, k, fingerprint=fingerprint, queries=queries)
            request: dict[str, Any] = {
                "filter": self._filter(client, collection, where),
                "with_payload": [ID, METADATA] if with_metadata else [ID],
                "with_vector": self._connection.local,
                # There is nothing but exact search in the process, which says so whenever it is asked for.
                "params": None if self._connection.local else spaces.search_params(collection.space),
            }

            def ask(rows: Embeddings, limit: int) -> list[Points]:
                return _query(client, collection.name, rows, limit, request)

            most = client.count(collection.name, exact=True).count if k > _LARGE_K else None
            margin = 2 * collection.space.dimension * _ROUNDING if self._connection.local else 0.0
            answers = complete_answers(ask, asked, int(k), most=most, margin=margin)
        results = []
        for name, query, points in zip(names, asked, answers, strict=True):
            scores = exact_scores(points, query) if self._connection.local else scores_of(points)
            results.append(ranked(name, points, scores, int(k), with_metadata=with_metadata))
        return results

    def count(self, space: str, where: Where | None = None) -> int:
        """How many images (that match the filter) the space holds."""
        with self._connection.calling() as client:
            collection = need_collection(client, space)
            wanted = self._filter(client, collection, where)
            return client.count(collection.name, count_filter=wanted, exact=True).count

    def iterate(self, space: str, *, where: Where | None = None, batch_size: int = 1000) -> Iterator[StoredImages]:
        """All images in batches by id.

        Qdrant goes through points in the order of their UUIDs, so the ids are sorted first, in a temporary file.
        """
        if batch_size < 1:
            raise InvalidInputError(f"a batch holds at least one image, not {batch_size}")
        with self._connection.calling() as client:
            collection = need_collection(client, space)
            wanted = self._filter(client, collection, where)
        return self._batches(collection, wanted, where or {}, batch_size)

    def refresh(self, space: str) -> None:
        """Nothing to do: Qdrant builds its indexes by itself."""
        self.info(space)

    def close(self) -> None:
        """Lets go of the server or the folder."""
        self._connection.close()

    def _filter(self, client: QdrantClient, collection: Collection, where: Where | None) -> models.Filter | None:
        """The filter, once Qdrant has an index for all that it compares."""
        wanted = as_filter(where)
        self._make_indexes(client, collection, compared_fields(where))
        return wanted

    def _make_indexes(
        self, client: QdrantClient, collection: Collection, fields: Mapping[str, models.PayloadSchemaType]
    ) -> None:
        if not self._connection.local:  # where there are no such indexes
            make_indexes(client, collection, fields)

    def _delete(self, client: QdrantClient, collection: Collection, wanted: models.Filter) -> int:
        count = client.count(collection.name, count_filter=wanted, exact=True).count
        if count:
            client.delete(collection.name, models.FilterSelector(filter=wanted), wait=True)
        return count

    def _batches(
        self, collection: Collection, wanted: models.Filter | None, where: Where, size: int
    ) -> Iterator[StoredImages]:
        with SortedIds() as ids:
            offset: models.ExtendedPointId | None = None
            while True:
                with self._connection.calling() as client:
                    records, offset = client.scroll(
                        collection.name, wanted, limit=_POINTS, offset=offset, with_payload=[ID], with_vectors=False
                    )
                ids.add(image_id(record.payload) for record in records)
                if offset is None:
                    break
            for some in ids.batches(size):
                batch = self.get(collection.space.name, some)
                kept = [place for place, fields in enumerate(batch.metadata) if matches(fields, where)]
                if kept:
                    yield StoredImages(
                        tuple(batch.ids[place] for place in kept),
                        batch.vectors[kept],
                        tuple(batch.metadata[place] for place in kept),
                    )


def _query(
    client: QdrantClient, collection: str, rows: Embeddings, limit: int, options: Mapping[str, Any]
) -> list[Points]:
    """One answer a row, asked for in requests of bounded size."""
    answers: list[Points] = []
    size = max(1, min(100, _HITS // limit))
    for start in range(0, len(rows), size):
        requests = [
            models.QueryRequest(query=row, limit=limit, **options) for row in rows[start : start + size].tolist()
        ]
        answers += [answer.points for answer in client.query_batch_points(collection, requests)]
    return answers


def _requests(points: Sequence[models.PointStruct]) -> Iterator[list[models.PointStruct]]:
    """Points in lots that fit one request."""
    lot: list[models.PointStruct] = []
    size = 0
    for point in points:
        more = request_size(point)
        if lot and (len(lot) == _POINTS or size + more > _BYTES):
            yield lot
            lot, size = [], 0
        lot.append(point)
        size += more
    if lot:
        yield lot


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _POINTS] for start in range(0, len(ids), _POINTS))
