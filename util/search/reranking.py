"""Re-rank what a search found: fetches what a re-ranker has to see, asks it, and says what it cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from util.errors import ImageError
from util.images import content_hash, read_image
from util.records import Embeddings, SearchResult
from util.rerank.base import Gallery, HitEvidence, Picture, RankedQueries, ReRanker
from util.search.extraction import Extraction, ImageSource, source_name
from util.vector_store.base import VectorStore

_FETCHED = 1000  # images fetched by id at a time


@dataclass(frozen=True, slots=True)
class ReRanking:
    """How results are re-ranked.

    Attributes:
        reranker: orders them.
        gallery: what ``read_gallery`` gave, for who asks often and knows that the space has not changed since; without
            it, the vectors that the re-ranker has to see are read anew for every call.
    """

    reranker: ReRanker
    gallery: Gallery | None = None


@dataclass(frozen=True, slots=True)
class ReRanked:
    """Results in the order that a re-ranker gave them.

    Attributes:
        results: one a query, in the order asked.
        evidence: one mapping a query, from hit to what the re-ranker saw in it; empty where it looks at no photos.
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
) -> ReRanked:
    """Orders search results anew.

    Args:
        results: Q results of one search, deeper than what is shown in the end (``ReRanker.depth`` says how deep).
        vectors: float32 (Q, D), the queries.
        reranking: how.
        store: holds the space.
        space: its name.
        photos: the photos, for re-rankers that look at them.

    Returns:
        The same hits of every query in a new order, with their metadata.

    Raises:
        InvalidInputError: if the re-ranker looks at photos and there are none.
    """
    reranker, gallery = reranking.reranker, reranking.gallery
    if gallery is None:
        gallery = read_gallery(store, space) if reranker.needs_gallery else _gallery_of_hits(store, space, results)
    ranked = RankedQueries(tuple(results), vectors, gallery, photos)
    started = time.perf_counter()
    reranker.fit(gallery)
    fitted = time.perf_counter()
    answered = reranker(ranked)
    return ReRanked(answered.results, answered.evidence, fitted - started, time.perf_counter() - fitted)


def read_gallery(store: VectorStore, space: str) -> Gallery:
    """All ids and vectors of a space: 4 bytes a number in memory."""
    info = store.info(space)
    ids: list[str] = []
    rows = [np.empty((0, info.dimension), np.float32)]
    for batch in store.iterate(space):
        ids += batch.ids
        rows.append(batch.vectors)
    return Gallery(tuple(ids), np.concatenate(rows), info.fingerprint)


def _gallery_of_hits(store: VectorStore, space: str, results: Sequence[SearchResult]) -> Gallery:
    info = store.info(space)
    wanted = sorted({id_ for result in results for id_ in result.ids})
    batches = [store.get(space, wanted[start : start + _FETCHED]) for start in range(0, len(wanted), _FETCHED)]
    rows = [np.empty((0, info.dimension), np.float32), *(batch.vectors for batch in batches)]
    return Gallery(tuple(id_ for batch in batches for id_ in batch.ids), np.concatenate(rows), info.fingerprint)


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
