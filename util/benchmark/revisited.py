"""Ask a system the queries of revisited Oxford or Paris, from photo files to the numbers of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.datasets.revisited import RevisitedTruth, gallery_of, queries_of
from util.errors import DatasetError
from util.evaluation.revisited import RevisitedMeasures, measure_revisited
from util.records import SearchResult
from util.search.extraction import Extraction, Failure, Progress, no_progress
from util.search.indexing import index_images
from util.vector_store.base import VectorStore

_RANKED = 20_000_000
"""Hits held at once: whole rankings of 70 queries up to 285,000 images. What stands behind adds next to nothing."""


@dataclass(frozen=True, slots=True)
class RevisitedEvaluation:
    """What asking gave.

    Attributes:
        measures: the numbers.
        depth: length of the rankings they were computed on.
        images: gallery images that were searched, distractors included.
        failed: gallery images that could not be read; those that are right count as not found.
    """

    measures: RevisitedMeasures
    depth: int
    images: int
    failed: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary, the three settings at the top."""
        failed = [{"path": failure.path, "error": failure.error} for failure in self.failed]
        return self.measures.to_json() | {"images": self.images, "depth": self.depth, "failed": failed}


def ask_revisited(
    truth: RevisitedTruth,
    photos: Path,
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    distractors: Path | None = None,
    progress: Progress = no_progress,
) -> RevisitedEvaluation:
    """Indexes the gallery, asks each query with what its box shows, and measures the rankings.

    Args:
        truth: ground truth with names.
        photos: folder that holds gallery and queries.
        extraction: the extractor and how images are read.
        store: takes the gallery.
        space: its name; should be empty or hold this gallery, since images that are not of it count as distractors.
        distractors: folder or list of images to make the search harder, such as revisitop1m.
        progress: told after every batch.

    Raises:
        DatasetError: if the ground truth has no names, a photo is missing, or a query cannot be read.
    """
    gallery = gallery_of(truth, photos, distractors=distractors)
    made = index_images(gallery, extraction=extraction, store=store, space=space, progress=progress)
    queries = queries_of(truth, photos, limits=extraction.limits)
    kept, vectors, unread = extraction.embed_sources([query.data or b"" for query in queries], progress=progress)
    if len(kept) < len(queries):
        raise DatasetError(f"a query of the protocol could not be read: {unread[0].error}")
    info = store.info(space)
    depth = min(info.count, _RANKED // max(len(queries), 1))
    results = store.search(space, vectors, depth, fingerprint=info.fingerprint, with_metadata=False)
    ranks = ranks_of(results, [record.id for record in gallery])
    return RevisitedEvaluation(measure_revisited(ranks, truth.queries), depth, info.count, tuple(made.failed))


def ranks_of(results: Sequence[SearchResult], gallery_ids: Sequence[str]) -> NDArray[np.int64]:
    """Search results as the protocol has them: positions in the gallery, one column a query, -1 behind the last hit.

    Ids that are none of the gallery's are numbered behind it, as distractors are.

    >>> found = SearchResult("q", ("b", "x", "a"), np.array([0.9, 0.5, 0.1]))
    >>> ranks_of([found], ["a", "b"]).ravel().tolist()
    [1, 2, 0]
    """
    position = {id_: number for number, id_ in enumerate(gallery_ids)}
    for result in results:
        for id_ in result.ids:
            position.setdefault(id_, len(position))
    ranks = np.full((max(map(len, results), default=0), len(results)), -1, dtype=np.int64)
    for number, result in enumerate(results):
        ranks[: len(result), number] = np.fromiter(map(position.__getitem__, result.ids), np.int64, len(result))
    return ranks
