"""The Vearch store: spaces on a cluster, reached through its router."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from util.errors import DimensionMismatchError, InvalidInputError, SpaceExistsError, StoreError
from util.records import Embeddings, Metadata, SearchResult, SpaceInfo
from util.vector_store.base import StoredImages, VectorStore
from util.vector_store.filters import Where, matches
from util.vector_store.validation import check_fingerprint, checked_batch, checked_queries, storable
from util.vector_store.vearch import scanning
from util.vector_store.vearch.catalogue import Catalogue, Entry, annotated, check_attributes
from util.vector_store.vearch.client import VearchClient, server_version
from util.vector_store.vearch.deleting import delete_ids, delete_matching
from util.vector_store.vearch.documents import content_of, encode, vectors_of
from util.vector_store.vearch.indexes import SCANNED_WRONGLY, IndexPlan, check_options, plan_index, search_parameters
from util.vector_store.vearch.location import parse_location
from util.vector_store.vearch.naming import vearch_name
from util.vector_store.vearch.remote_space import MOST_IDS, RawDocument, RemoteSpace, chunks
from util.vector_store.vearch.schema import TEXTS, VECTOR, schema
from util.vector_store.vearch.searching import Search, rank
from util.vector_store.vearch.terms import EVERYTHING, conditions, terms_of
from util.vector_store.vearch.writing import MOST_BYTES, MOST_DOCUMENTS, write

# Who opens a store waits for one that is starting, but not long for one that is not there.
_OPENING = 5.0
_POLL = 0.2
_INDEXED = 2  # what a partition says of its index when it is trained
# Numbers in the vectors of one answer: about 8 MB of JSON.
_MOST_NUMBERS = 600_000

_log = logging.getLogger(__name__)


class VearchStore(VectorStore):
    """Spaces in one database of a Vearch cluster, version 3.5.8 or newer, for any number of clients at a time.

    ``docs/vearch.md`` describes how spaces look there, what is promised and what a cluster cannot promise.

    Args:
        url: ``vearch+http://user:password@HOST:9001/DB``; options for new spaces may follow a question mark.
        timeout: seconds that an operation waits for the cluster before it gives up, unless the URL says
            ``?timeout=SECONDS``.
        most_documents: images that travel in one request.
        most_bytes: how large a request that writes may be.

    Raises:
        InvalidInputError: if the URL cannot be read.
        StoreUnavailableError: if the cluster cannot be reached, does not let us in or is too old.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        most_documents: int = MOST_DOCUMENTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        location = parse_location(url)
        self._options = dict(location.options)
        # Wrong options are found now, not when the first space is made.
        replicas = check_options(self._options).replicas
        self.url = location.url
        self._database = location.database
        self._most_documents, self._most_bytes = most_documents, most_bytes
        self._client = VearchClient(location, timeout=location.timeout or timeout)
        try:
            self.server_version = server_version(self._client, patience=min(self._client.timeout, _OPENING))
        except BaseException:
            self._client.close()
            raise
        _log.info("%s is version %s", self._client.server, self.server_version)
        self._catalogue = Catalogue(self._client, self._database, replicas=replicas)

    def create_space(self, space: SpaceInfo, *, exist_ok: bool = False) -> SpaceInfo:
        """Makes an empty space, and the database where it is missing."""
        check_attributes(space.attributes)
        there = self._catalogue.find(space.name)
        if there is not None and not exist_ok:
            raise SpaceExistsError(f"the store {self.url} has a space {space.name!r} already: drop it or choose a name")
        if there is not None:
            _check_same(there.info, space)
            if self._remote(space.name).describe() is None:  # dropped half-way
                self._make(there.info, plan_index(there.info, self._options))
            return self._counted(there)
        plan = plan_index(space, self._options)
        search_parameters(plan.kind, space.attributes)
        made = Entry(replace(space, count=0), plan.kind)
        self._catalogue.prepare()
        self._make(space, plan)
        self._catalogue.write(made)
        return self._counted(made)

    def info(self, space: str) -> SpaceInfo:
        """Properties and current count of a space."""
        return self._counted(self._catalogue.need(space))

    def list_spaces(self) -> list[SpaceInfo]:
        """All spaces, ordered by name."""
        return [self._counted(entry) for entry in self._catalogue.entries()]

    def drop_space(self, space: str) -> None:
        """Removes a space; one that was dropped half-way is dropped by dropping it again."""
        entry = self._catalogue.need(space)
        # First what it holds: of a space that is in the catalogue no more, nothing may be left to be found.
        self._remote(space).drop()
        self._catalogue.remove(entry)

    def annotate(self, space: str, attributes: Mapping[str, object]) -> SpaceInfo:
        """Merges JSON values into the attributes; of two clients that do so at once, the later one's count."""
        check_attributes(attributes)
        entry = annotated(self._catalogue.need(space), attributes)
        search_parameters(entry.kind, entry.info.attributes)
        self._catalogue.write(entry)
        return self._counted(entry)

    def upsert(
        self,
        space: str,
        ids: Sequence[str],
        vectors: Embeddings,
        metadata: Sequence[Metadata],
        *,
        fingerprint: str,
    ) -> None:
        """Writes images in bounded requests. All of the batch is checked before any of it is sent.

        Raises:
            PartialWriteError: if the cluster confirmed some images and not others. Writing all again does no harm.
        """
        info = self._catalogue.need(space).info
        batch = checked_batch(info, ids, vectors, metadata, fingerprint=fingerprint)
        documents = [
            encode(id_, vector, fields, terms_of(fields))
            for id_, vector, fields in zip(batch.ids, batch.vectors, batch.metadata, strict=True)
        ]
        write(
            self._remote(space),
            documents,
            patience=self._client.timeout,
            most_documents=self._most_documents,
            most_bytes=self._most_bytes,
        )

    def get(self, space: str, ids: Sequence[str]) -> StoredImages:
        """The images of these ids, in the order asked for."""
        return self._images(self._catalogue.need(space).info, ids, where=None)

    def delete(self, space: str, *, ids: Sequence[str] | None = None, where: Where | None = None) -> int:
        """Removes images by id or by filter, and makes sure that they are gone."""
        self._catalogue.need(space)
        if (ids is None) == (where is None):
            raise InvalidInputError("delete takes either ids or a filter (where), and exactly one of them")
        remote = self._remote(space)
        if ids is not None:
            return delete_ids(remote, list(dict.fromkeys(filter(storable, ids))))
        return delete_matching(remote, _words(where))

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
        entry = self._catalogue.need(space)
        asked, names = checked_queries(entry.info, vectors, k, fingerprint=fingerprint, queries=queries)
        if entry.kind in SCANNED_WRONGLY:
            self._require_trained(space)
        search = Search(
            k=int(k),
            conditions=conditions(where),
            approximate=entry.kind != "FLAT",
            index_only=entry.kind in SCANNED_WRONGLY,
            parameters=search_parameters(entry.kind, entry.info.attributes),
            with_metadata=with_metadata,
        )
        rankings = rank(self._remote(space), asked, search)
        return [
            SearchResult(name, ranking.ids, ranking.scores, ranking.metadata)
            for name, ranking in zip(names, rankings, strict=True)
        ]

    def count(self, space: str, where: Where | None = None) -> int:
        """How many images (that match the filter) the space holds."""
        if where is None:
            return self.info(space).count
        self._catalogue.need(space)
        return scanning.count(self._remote(space), _words(where))

    def iterate(self, space: str, *, where: Where | None = None, batch_size: int = 1000) -> Iterator[StoredImages]:
        """All images in batches by id: first their ids, sorted in a temporary file, then each batch by itself."""
        if batch_size < 1:
            raise InvalidInputError(f"a batch holds at least one image, not {batch_size}")
        info = self._catalogue.need(space).info
        return self._batches(info, _words(where), where, batch_size)

    def refresh(self, space: str) -> None:
        """Waits until the index has taken in what was written, as long as it makes progress."""
        entry = self._catalogue.need(space)
        if entry.kind == "FLAT":
            return  # a scan sees everything at once
        seen, since = -1, time.monotonic()
        while (missing := self._unindexed(space)) and time.monotonic() - since < self._client.timeout:
            if missing != seen:
                seen, since = missing, time.monotonic()
            time.sleep(_POLL)
        if missing:
            _log.info("space %r: %d images are not indexed yet; searches look at all of them", space, missing)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _remote(self, space: str) -> RemoteSpace:
        return RemoteSpace(self._client, self._database, vearch_name(space))

    def _counted(self, entry: Entry) -> SpaceInfo:
        described = self._remote(entry.info.name).describe_whole()
        if described is None:
            raise StoreError(
                f"space {entry.info.name!r} is in the catalogue, but Vearch has lost its images: drop it or index again"
            )
        return replace(entry.info, count=int(described["doc_num"]))

    def _make(self, space: SpaceInfo, plan: IndexPlan) -> None:
        """Makes the part of a space that holds its images, or takes over one whose making was interrupted."""
        remote = self._remote(space.name)
        wanted = schema(remote.name, space.dimension, plan)
        if remote.create(wanted):
            return
        described = remote.describe() or {}
        if not described.get("partitions"):
            # The cluster was interrupted: no part of the space was ever made.
            remote.drop()
            remote.create(wanted)
            return
        fields = described.get("schema", {}).get("fields", [])
        dimensions = [field.get("dimension") for field in fields if field.get("name") == VECTOR]
        if described["doc_num"] or dimensions != [space.dimension]:
            raise StoreError(
                f"Vearch has a space {remote.name!r} in database {self._database!r} that NearID does not know: "
                "drop it there, or choose another name"
            )

    def _images(self, info: SpaceInfo, ids: Sequence[str], where: Where | None) -> StoredImages:
        """Those of some images that are there (and match), in the order given."""
        remote = self._remote(info.name)
        wanted = list(dict.fromkeys(filter(storable, ids)))
        found: dict[str, RawDocument] = {}
        for part in chunks(wanted, max(1, min(MOST_IDS, _MOST_NUMBERS // info.dimension))):
            found |= remote.of_ids(part, fields=(*TEXTS, VECTOR))
        metadata = {id_: content_of(document) for id_, document in found.items()}
        kept = [id_ for id_ in ids if id_ in found and matches(metadata[id_], where or {})]
        vectors = vectors_of([found[id_] for id_ in kept], info.dimension)
        return StoredImages(tuple(kept), vectors, tuple(metadata[id_] for id_ in kept))

    def _batches(
        self, info: SpaceInfo, words: Sequence[Sequence[str]], where: Where | None, size: int
    ) -> Iterator[StoredImages]:
        for ids in scanning.sorted_ids(self._remote(info.name), words, size=size):
            batch = self._images(info, ids, where)
            if len(batch):
                yield batch

    def _require_trained(self, space: str) -> None:
        """Refuses a search that Vearch would answer by a scan, and wrongly."""
        partitions = (self._remote(space).describe() or {}).get("partitions") or []
        if not partitions or any(part.get("index_status") != _INDEXED for part in partitions):
            raise StoreError(
                f"space {space!r} cannot be searched before its index is trained, which begins when a partition holds "
                "as many images as training_threshold says: index more, or make the space with HNSW"
            )

    def _unindexed(self, space: str) -> int:
        """How many documents, removed ones among them, the index of a space lacks."""
        described = self._remote(space).describe() or {}
        partitions = described.get("partitions") or []
        return sum(max(0, int(part.get("max_docid", -1)) + 1 - int(part.get("index_num", 0))) for part in partitions)


def _words(where: Where | None) -> list[list[str]]:
    """The words of a filter; of none, the word that all images have."""
    return conditions(where) or [[EVERYTHING]]


def _check_same(there: SpaceInfo, wanted: SpaceInfo) -> None:
    check_fingerprint(there, wanted.fingerprint)
    if there.dimension != wanted.dimension:
        raise DimensionMismatchError(
            f"space {there.name!r} holds vectors of dimension {there.dimension}, not {wanted.dimension}"
        )
