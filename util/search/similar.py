"""Find the images of a space that are most similar to a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import FingerprintMismatchError, InvalidInputError
from util.image_extract import load
from util.image_extract.base import Extractor
from util.records import SearchResult, SpaceInfo
from util.search.extraction import Extraction, Failure, ImageSource, Progress, no_progress, source_name
from util.vector_store.base import VectorStore
from util.vector_store.filters import Where


@dataclass(frozen=True, slots=True)
class Found:
    """What a search over several queries gave.

    Attributes:
        results: one for each query that could be read, in the order asked.
        failed: the queries that could not.
    """

    results: tuple[SearchResult, ...]
    failed: tuple[Failure, ...]


def extractor_of(
    info: SpaceInfo, *, device: str = "auto", models_dir: Path = Path("models"), **options: Any
) -> Extractor:
    """Loads the extractor that made a space, with the recipe it was made with.

    Raises:
        FingerprintMismatchError: if weights or recipe are no longer what they were.
        ExtractorUnavailableError: if it cannot be loaded here.
    """
    extractor = load(info.extractor, recipe=info.recipe, device=device, models_dir=models_dir, **options)
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
    results = store.search(
        space, vectors, k, fingerprint=extraction.extractor.fingerprint, where=where, queries=names
    )  # fmt: skip
    if min_score is not None:
        results = [at_least(result, min_score) for result in results]
    return Found(tuple(results), tuple(failures))


def at_least(result: SearchResult, min_score: float) -> SearchResult:
    """The hits that score ``min_score`` or more.

    >>> found = SearchResult("q", ("a", "b"), np.array([0.9, 0.4]))
    >>> at_least(found, 0.5).ids
    ('a',)
    """
    kept = int(np.count_nonzero(result.scores >= np.float32(min_score)))
    return SearchResult(result.query, result.ids[:kept], result.scores[:kept], result.metadata[:kept])
