"""One extractor with one recipe meets one gallery and its queries: embedded once, for all systems that rest on it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from util.benchmark.shown_gallery import ShownGallery
from util.errors import DatasetError
from util.image_extract.base import Extractor
from util.records import Embeddings, ImageRecord, SpaceInfo
from util.search.extraction import Extraction, Failure, ImageSource, Progress, no_progress
from util.search.indexing import IndexReport, index_images
from util.vector_store.base import VectorStore

TIMED = 20
"""Queries asked one by one to see how long an answer takes; one more warms up."""


@dataclass(frozen=True)
class Embedded:
    """A gallery and its queries as one extractor sees them.

    Attributes:
        extraction: the extractor and how images are read.
        store: holds the embeddings.
        space: the space of the gallery, searched exactly.
        queries: Q photos that could be read.
        vectors: float32 (Q, D), their embeddings.
        items: label of every gallery image by id.
        paths: its file.
        excluded: for each query, the ids of gallery images of the same bytes.
        failed: images that could not be read.
        images_per_second: photos embedded in a second; ``None`` where the store had them all.
        query_seconds: how long reading, preprocessing and embedding took, for each timed query.
    """

    extraction: Extraction
    store: VectorStore
    space: SpaceInfo
    queries: tuple[ImageRecord, ...]
    vectors: Embeddings
    items: dict[str, str | None]
    paths: dict[str, str]
    excluded: Sequence[frozenset[str]]
    failed: tuple[Failure, ...]
    images_per_second: float | None
    query_seconds: tuple[float, ...]

    @property
    def timed(self) -> list[int]:
        """Places of the queries that are asked one by one."""
        return timed_places(len(self.queries))

    def source(self, place: int) -> ImageSource:
        """The photo of a query."""
        return source_of(self.queries[place])

    def with_index(self, index: str) -> SpaceInfo:
        """The same gallery in a space with another search index; nothing is extracted again.

        Args:
            index: name or factory string, as ``SpaceInfo.index``.
        """
        if index == self.space.index:
            return self.space
        name = f"{self.space.name}-{_digest(index)}"
        self.store.create_space(replace(self.space, name=name, index=index, count=0, attributes={}), exist_ok=True)
        for batch in self.store.iterate(self.space.name):
            self.store.upsert(name, batch.ids, batch.vectors, batch.metadata, fingerprint=self.space.fingerprint)
        self.store.refresh(name)  # or the first query would wait for the index
        return self.store.info(name)


def embed_once(
    gallery: Sequence[ImageRecord],
    queries: Sequence[ImageRecord],
    *,
    extraction: Extraction,
    store: VectorStore,
    progress: Progress = no_progress,
) -> Embedded:
    """Embeds a gallery and its queries into spaces of their own, skipping what an earlier run has put there.

    The names of the spaces hold a digest of the extractor and of the images' ids and files, so that no other image is
    ever searched, and the same comparison finds its spaces again.

    Raises:
        DatasetError: if no gallery image or no query could be read.
        StoreError: if the store fails.
    """

    def later(done: int, total: int | None) -> None:
        progress(len(gallery) + done, len(gallery) + len(queries))

    def sooner(done: int, total: int | None) -> None:
        progress(done, len(gallery) + len(queries))

    names = [_space_name(extraction.extractor, part, role) for part, role in ((gallery, "gallery"), (queries, "asked"))]
    indexed = index_images(gallery, extraction=extraction, store=store, space=names[0], progress=sooner)
    asked = index_images(queries, extraction=extraction, store=store, space=names[1], progress=later)
    info = store.info(names[0])
    there = store.get(names[1], [query.id for query in queries])
    if not info.count or not len(there):
        part, report = ("gallery photos", indexed) if not info.count else ("queries", asked)
        raise DatasetError(f"none of the {part} could be read; the first: {report.failed[0].error}")
    by_id = {query.id: query for query in queries}
    read = tuple(by_id[id_] for id_ in there.ids)
    shown = ShownGallery.of(store, names[0])
    hashes = [str(metadata["sha256"]) for metadata in there.metadata]
    return Embedded(
        extraction=extraction,
        store=store,
        space=info,
        queries=read,
        vectors=there.vectors,
        items=shown.items,
        paths=shown.paths,
        excluded=shown.copies(hashes),
        failed=(*indexed.failed, *asked.failed),
        images_per_second=_rate(indexed, asked),
        query_seconds=_seconds_to_embed(read, extraction),
    )


def source_of(query: ImageRecord) -> ImageSource:
    """What a query is asked with: the bytes it brings along, or else its file."""
    return query.path if query.data is None else query.data


def timed_places(n: int) -> list[int]:
    """Places of up to about ``TIMED`` of n queries, spread over all of them.

    >>> timed_places(3), len(timed_places(1000))
    ([0, 1, 2], 20)
    """
    return list(range(0, n, max(1, -(-n // TIMED))))


def _seconds_to_embed(queries: Sequence[ImageRecord], extraction: Extraction) -> tuple[float, ...]:
    places = timed_places(len(queries))
    extraction = replace(extraction, cache=None)  # a photo that is asked with is new
    seconds = []
    for place in [places[0], *places]:  # the first one warms up and is not counted
        started = time.perf_counter()
        extraction.extractor.embed([extraction.prepare_source(source_of(queries[place]), queries[place].name)])
        seconds.append(time.perf_counter() - started)
    return tuple(seconds[1:])


def _rate(*reports: IndexReport) -> float | None:
    embedded = sum(report.indexed - report.reused for report in reports)
    seconds = sum(report.seconds for report in reports if report.indexed > report.reused)
    return embedded / seconds if embedded and seconds > 0 else None


def _space_name(extractor: Extractor, records: Sequence[ImageRecord], role: str) -> str:
    shown = sorted((record.id, str(Path(record.path).absolute()) if record.path else "") for record in records)
    return f"compare-{extractor.name.replace('/', '_')}-{_digest(extractor.fingerprint, repr(shown))}-{role}"


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:12]
