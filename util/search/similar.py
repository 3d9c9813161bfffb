"""Find the images of a space that are most similar to a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import FingerprintMismatchError, InvalidInputError
from util.image_extract import load
from util.image_extract.base import Extractor
from util.records import SearchResult, SpaceInfo
from util.rerank.base import HitEvidence
from util.search.extraction import Extraction, Failure, ImageSource, Progress, no_progress, source_name
from util.search.projected import as_in_space
from util.search.reranking import ReRanking, StoredPhotos, first_hits, rerank
from util.vector_store.base import VectorStore
from util.vector_store.filters import Where


@dataclass(frozen=True, slots=True)
class Found:
    """What a search over several queries gave.

    Attributes:
        results: one for each query that could be read, in the order asked.
        failed: the queries that could not.
        evidence: one mapping a query, from hit to what a re-ranker saw in it; empty without one that says why.
    """

    results: tuple[SearchResult, ...]
    failed: tuple[Failure, ...]
    evidence: tuple[Mapping[str, HitEvidence], ...] = ()


def extractor_of(
    info: SpaceInfo, *, device: str = "auto", models_dir: Path = Path("models"), **options: Any
) -> Extractor:
    """Loads the extractor that made a space, with the recipe it was made with and the projection it keeps, if any.

    Raises:
        FingerprintMismatchError: if weights, recipe or projection are no longer what they were.
        StoreError: if the projection is damaged.
        ExtractorUnavailableError: if it cannot be loaded here.
    """
    loaded = load(info.extractor, recipe=info.recipe, device=device, models_dir=models_dir, **options)
    extractor = as_in_space(loaded, info)
    if extractor.fingerprint != info.fingerprint:
        raise FingerprintMismatchError(info.name, info.fingerprint, extractor.fingerprint)
    return extractor


def find_similar(
    queries: Sequence[ImageSource],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    k: int = 10,
    where: Where | None = None,
    min_score: float | None = None,
    reranking: ReRanking | None = None,
    progress: Progress = no_progress,
) -> Found:
    """The k most similar images of a space to each query.

    Args:
        queries: paths, URLs, bytes or RGB arrays.
        extraction: the extractor of the space and how images are read.
        store: holds the space.
        space: its name.
        k: hits a query.
        where: only images that match this filter.
        min_score: leaves out hits below this cosine similarity.
        reranking: orders anew what a search deeper than ``k`` finds, before the first ``k`` are kept. Scores are then
            those of the re-ranker; ``min_score`` is still about the cosine.
        progress: told after every batch of queries.

    Returns:
        Results for the queries that could be read, and the failures of the others.

    Raises:
        FingerprintMismatchError: if the extractor is not the one the space was made with.
        InvalidInputError: if ``k`` is below 1 or ``min_score`` outside [-1, 1].
    """
    if k < 1:
        raise InvalidInputError(f"k must be at least 1, not {k}")
    if min_score is not None and not -1 <= min_score <= 1:
        raise InvalidInputError(f"the smallest score is a cosine in [-1, 1], not {min_score}")
    kept, vectors, failures = extraction.embed_sources(queries, progress=progress)
    names = [source_name(queries[position], position) for position in kept]
    depth = k if reranking is None else max(k, reranking.reranker.depth)
    results = store.search(
        space, vectors, depth, fingerprint=extraction.extractor.fingerprint, where=where, queries=names
    )  # fmt: skip
    if min_score is not None:
        results = [at_least(result, min_score) for result in results]
    if reranking is None:
        return Found(tuple(results), tuple(failures))
    photos = StoredPhotos([queries[position] for position in kept], extraction, store, space)
    made = rerank(results, vectors, reranking=reranking, store=store, space=space, photos=photos)
    made = first_hits(made, k)
    return Found(made.results, tuple(failures), made.evidence)


def at_least(result: SearchResult, min_score: float) -> SearchResult:
    """The hits that score ``min_score`` or more.

    >>> found = SearchResult("q", ("a", "b"), np.array([0.9, 0.4]))
    >>> at_least(found, 0.5).ids
    ('a',)
    """
    kept = int(np.count_nonzero(result.scores >= np.float32(min_score)))
    return SearchResult(result.query, result.ids[:kept], result.scores[:kept], result.metadata[:kept])
