"""Re-rank what a search found: fetches what a re-ranker has to see, asks it, and says what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from util.errors import ImageError, InvalidInputError, StaleGalleryError
from util.images import content_hash, read_image
from util.records import Embeddings, Metadata, SearchResult, SpaceInfo
from util.rerank.base import Gallery, HitEvidence, Picture, RankedQueries, ReRanker
from util.search.extraction import Extraction, ImageSource, source_name
from util.vector_store.base import StoredImages, VectorStore

_FETCHED = 1000  # images fetched by id at a time


@dataclass(frozen=True, slots=True)
class ReRanking:
    """How results are re-ranked.

    Attributes:
        reranker: orders them.
        gallery: what ``read_gallery`` gave, for who asks often and knows that the space has not changed since; without
            it, the vectors that the re-ranker has to see are read anew for every call.
        leave_out_newer: whether hits that came to the space after the gallery was read are left out, so that the
            answer is that of the space as it was then; otherwise they are refused.
    """

    reranker: ReRanker
    gallery: Gallery | None = None
    leave_out_newer: bool = False


@dataclass(frozen=True, slots=True)
class ReRanked:
    """Results in the order that a re-ranker gave them.

    Attributes:
        results: one a query, in the order asked.
        evidence: one mapping a query, from hit to what the re-ranker saw in it; empty where it says nothing of hits.
        fit_seconds: what the gallery took, once; nearly nothing where it was remembered.
        seconds: what all queries took together, after that.
    """

    results: tuple[SearchResult, ...]
    evidence: tuple[Mapping[str, HitEvidence], ...]
    fit_seconds: float
    seconds: float


def rerank(
    results: Sequence[SearchResult],
    vectors: Embeddings,
    *,
    reranking: ReRanking,
    store: VectorStore,
    space: str,
    photos: StoredPhotos | None = None,
    query_metadata: Sequence[Metadata] = (),
) -> ReRanked:
    """Orders search results anew.

    Args:
        results: Q results of one search, deeper than what is shown in the end (``ReRanker.depth`` says how deep).
        vectors: float32 (Q, D), the queries.
        reranking: how.
        store: holds the space.
        space: its name.
        photos: the photos, for re-rankers that look at them.
        query_metadata: what is known of each query beside its photo; nothing, unless this is an evaluation.

    Returns:
        The same hits of every query in a new order, with their metadata.

    Raises:
        InvalidInputError: if the re-ranker looks at photos and there are none, or reads a metadata field that no image
            of the space has.
        StaleGalleryError: if a hit is not in the gallery, because it came to the space later, and is not to be left
            out.
    """
    reranker = reranking.reranker
    gallery = with_gallery(reranking, store, space).gallery
    if gallery is None:
        gallery = _gallery_of_hits(store, space, results, reranker)
    _refuse_unknown_fields(reranker, gallery, store, space)
    if reranking.leave_out_newer:
        results = [_known(result, gallery) for result in results]
    _refuse_unknown_hits(gallery, results, space)
    ranked = RankedQueries(tuple(results), vectors, gallery, photos, query_metadata=tuple(query_metadata))
    started = time.perf_counter()
    reranker.fit(gallery)
    fitted = time.perf_counter()
    answered = reranker(ranked)
    return ReRanked(answered.results, answered.evidence, fitted - started, time.perf_counter() - fitted)


def with_gallery(reranking: ReRanking, store: VectorStore, space: str) -> ReRanking:
    """The same with the whole space read, where the re-ranker has to see it and does not have it yet."""
    reranker = reranking.reranker
    if reranking.gallery is not None or not reranker.needs_gallery:
        return reranking
    return replace(reranking, gallery=read_gallery(store, space, with_metadata=bool(reranker.metadata_fields)))


def read_gallery(store: VectorStore, space: str, *, with_metadata: bool = False) -> Gallery:
    """All ids and vectors of a space: 4 bytes a number in memory.

    Args:
        store: holds the space.
        space: its name.
        with_metadata: whether the metadata are kept too, for re-rankers with ``metadata_fields``.
    """
    return _gathered(store.iterate(space), store.info(space), with_metadata=with_metadata)


def _gallery_of_hits(store: VectorStore, space: str, results: Sequence[SearchResult], reranker: ReRanker) -> Gallery:
    wanted = sorted({id_ for result in results for id_ in result.ids})
    batches = (store.get(space, wanted[start : start + _FETCHED]) for start in range(0, len(wanted), _FETCHED))
    return _gathered(batches, store.info(space), with_metadata=bool(reranker.metadata_fields))


def _gathered(batches: Iterable[StoredImages], info: SpaceInfo, *, with_metadata: bool) -> Gallery:
    ids: list[str] = []
    rows = [np.empty((0, info.dimension), np.float32)]
    metadata: list[Metadata] = []
    for batch in batches:
        ids += batch.ids
        rows.append(batch.vectors)
        metadata += batch.metadata if with_metadata else ()
    return Gallery(tuple(ids), np.concatenate(rows), info.fingerprint, tuple(metadata))


def _known(result: SearchResult, gallery: Gallery) -> SearchResult:
    """The hits that are in the gallery."""
    places = [place for place, id_ in enumerate(result.ids) if id_ in gallery.position]
    ids = tuple(result.ids[place] for place in places)
    return SearchResult(result.query, ids, result.scores[places], tuple(result.metadata[place] for place in places))


def _refuse_unknown_hits(gallery: Gallery, results: Sequence[SearchResult], space: str) -> None:
    for result in results:
        if missing := set(result.ids) - gallery.position.keys():
            raise StaleGalleryError(
                f"space {space!r} has changed: {min(missing)!r} was found, and was not there when the gallery was "
                "read: ask again"
            )


def _refuse_unknown_fields(reranker: ReRanker, gallery: Gallery, store: VectorStore, space: str) -> None:
    """These hits may well lack a field; if no image of the space has it, it is misspelt, and would change nothing."""
    for name in sorted(reranker.metadata_fields):
        if not len(gallery) or any(name in row for row in gallery.metadata):
            continue
        there = _fields_up_to(name, store, space)
        if name not in there:
            raise InvalidInputError(
                f"the re-ranker {reranker.describe()!r} reads the metadata field {name!r}, which no image of the space "
                f"{space!r} has: there are {', '.join(sorted(there))}"
            )


def _fields_up_to(wanted: str, store: VectorStore, space: str) -> set[str]:
    """The fields that images of a space have; not all, where the wanted one is among them."""
    there: set[str] = set()
    for batch in store.iterate(space):
        there.update(*batch.metadata)
        if wanted in there:
            break
    return there


@dataclass(frozen=True)
class StoredPhotos:
    """The photos of queries as they were given, and of hits where they were indexed; read when they are looked at.

    Attributes:
        queries: what was asked with, in the order of the results.
        extraction: how images are read.
        store: knows where the photos of the space are.
        space: its name.
    """

    queries: Sequence[ImageSource]
    extraction: Extraction
    store: VectorStore
    space: str
    _paths: dict[str, str] = field(default_factory=dict, repr=False)

    def query(self, number: int) -> Picture:
        """The photo of a query, by its place; see ``util.rerank.base.Pictures``."""
        source = self.queries[number]
        return self._picture(source, source_name(source, number))

    def hit(self, id_: str) -> Picture:
        """The photo of a gallery image, from the file it was indexed from.

        Raises:
            ImageError: if the file is not there any more, or the image was indexed without one.
        """
        if id_ not in self._paths:
            stored = self.store.get(self.space, [id_]).metadata
            self._paths[id_] = str(stored[0].get("path", "")) if stored else ""
        if not self._paths[id_]:
            raise ImageError(id_, "its photo was indexed from no file, so it cannot be looked at again")
        return self._picture(self._paths[id_], self._paths[id_])

    def _picture(self, source: ImageSource, name: str) -> Picture:
        limits = self.extraction.limits
        if isinstance(source, np.ndarray):
            key = content_hash(repr(source.shape).encode() + source.tobytes())
            return Picture(name, key, lambda: read_image(source, limits=limits, name=name))
        data = source if isinstance(source, bytes) else self.extraction.read(source).data
        return Picture(name, content_hash(data), lambda: read_image(data, limits=limits, name=name))


def first_hits(reranked: ReRanked, k: int) -> ReRanked:
    """The first k hits of every query, with the evidence of these."""
    results = tuple(SearchResult(r.query, r.ids[:k], r.scores[:k], r.metadata[:k]) for r in reranked.results)
    evidence: tuple[Mapping[str, Any], ...] = tuple(
        {id_: seen[id_] for id_ in result.ids if id_ in seen}
        for result, seen in zip(results, reranked.evidence, strict=True)
    )
    return replace(reranked, results=results, evidence=evidence)
