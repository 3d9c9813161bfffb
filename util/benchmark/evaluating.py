"""Evaluate a whole system, from photo files to decisions, on a labelled data set."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from util.benchmark.shown_gallery import ShownGallery
from util.datasets import with_content_hashes
from util.errors import DatasetError
from util.evaluation.calibration import Calibration
from util.evaluation.evaluate import evaluate_ranking
from util.evaluation.report import Evaluation, SystemValue
from util.plots.report import write_report
from util.records import Embeddings, ImageRecord, SearchResult, SpaceInfo
from util.search.calibrating import calibrate_space, calibration_of
from util.search.extraction import Extraction, Failure, Progress, no_progress
from util.search.identifying import decide
from util.search.indexing import index_images
from util.search.reranking import ReRanking, StoredPhotos, rerank, with_gallery
from util.vector_store.base import VectorStore

_RANKED = 20_000_000  # hits held at once: whole rankings up to 1,000 queries × 20,000 images
_SHALLOWEST = 100
_TIMED = 100
_ANSWERED = 50  # hits that a decision looks at


@dataclass(frozen=True, slots=True)
class SystemEvaluation:
    """What an evaluation of a system gave.

    Attributes:
        evaluation: the numbers.
        failed: images, of gallery or queries, that could not be read and took no part.
        report: the HTML report; ``None`` if none was asked for.
    """

    evaluation: Evaluation
    failed: tuple[Failure, ...]
    report: Path | None

    def to_json(self) -> dict[str, Any]:
        """As ``nearid evaluate --json`` prints it."""
        failed = [{"path": failure.path, "error": failure.error} for failure in self.failed]
        report = str(self.report) if self.report else None
        return self.evaluation.to_json() | {"failed": failed, "report": report}


def evaluate_system(  # noqa: PLR0913 - one step of the library: all that a caller may choose, each with a usual value
    queries: Sequence[ImageRecord],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    gallery: Sequence[ImageRecord] | None = None,
    false_accept_rate: float | None = None,
    reranking: ReRanking | None = None,
    out: Path | None = None,
    command: str = "",
    progress: Progress = no_progress,
) -> SystemEvaluation:
    """Indexes a gallery (if one is given), asks all queries, and measures the answers.

    The decision known / new / unsure is taken as ``identify`` takes it, by the calibration of the space. Gallery images
    with the same bytes as a query do not count for it: a query is never matched with itself.

    Args:
        queries: labelled photos; those of items the gallery does not show test the answer *new*.
        extraction: the extractor and how images are read.
        store: holds the space.
        space: its name.
        gallery: images to index first; the space as it stands without them.
        false_accept_rate: calibrates the space for this rate; without it, the calibration it has is used, or made.
        reranking: orders the answers anew before they are measured, and its cost is measured too. What rests on
            scores that compare between queries (known or new, calibration, score histograms) stays that of the search.
        out: folder for ``report.html`` and ``evaluation.json``.
        command: what was typed, for the report.
        progress: told after every batch of gallery images, then of queries.

    Returns:
        The numbers, the images left out and the report.

    Raises:
        DatasetError: if the space is empty or no query could be read.
        InvalidInputError: if no query has an item label.
    """
    failed: list[Failure] = []
    if gallery is not None:
        made = index_images(gallery, extraction=extraction, store=store, space=space, progress=progress)
        failed += made.failed
    info = store.info(space)
    if info.count == 0:
        raise DatasetError(f"space {space!r} is empty: index the gallery first, or give it (--gallery PATH)")
    kept, vectors, unread = extraction.embed_sources([record.path for record in queries], progress=progress)
    failed += unread
    if not kept:
        raise DatasetError(f"none of the {len(queries)} queries could be read; the first: {unread[0].error}")
    read = [queries[position] for position in kept]
    calibration = _calibration(store, info, false_accept_rate)
    asked = _Asked(read, vectors, extraction, store, info, calibration)
    evaluation = _evaluate(asked) if reranking is None else _evaluate_reranked(asked, reranking)
    return SystemEvaluation(evaluation, tuple(failed), _write(evaluation, out, command))


def _calibration(store: VectorStore, info: SpaceInfo, false_accept_rate: float | None) -> Calibration:
    if false_accept_rate is None:
        return calibration_of(store, info)
    return calibrate_space(store, info.name, false_accept_rate=false_accept_rate)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries that could be read, with all that is needed to answer them."""

    queries: Sequence[ImageRecord]
    vectors: Embeddings
    extraction: Extraction
    store: VectorStore
    info: SpaceInfo
    calibration: Calibration

    def search(self, depth: int) -> list[SearchResult]:
        """The answers, without metadata."""
        names = [query.id for query in self.queries]
        return self.store.search(
            self.info.name,
            self.vectors,
            min(depth, self.info.count),
            fingerprint=self.info.fingerprint,
            queries=names,
            with_metadata=False,
        )

    def system(self) -> dict[str, SystemValue]:
        """What is evaluated, for the report."""
        return {
            "extractor": self.info.extractor,
            "recipe": self.info.recipe,
            "dimension": self.info.dimension,
            "index": self.info.index,
            "store": self.store.url,
            "space": self.info.name,
            "fingerprint": self.info.fingerprint,
            "gallery images": self.info.count,
        }


def _shown(asked: _Asked) -> tuple[ShownGallery, list[frozenset[str]]]:
    """What the gallery shows, and for each query the ids of gallery images of the same bytes."""
    shown = ShownGallery.of(asked.store, asked.info.name)
    return shown, shown.copies([str(query.metadata["sha256"]) for query in with_content_hashes(asked.queries)])


def _evaluate(asked: _Asked) -> Evaluation:
    shown, excluded = _shown(asked)
    return evaluate_ranking(
        asked.search(max(_SHALLOWEST, _RANKED // len(asked.queries))),
        asked.queries,
        shown.items,
        gallery_paths=shown.paths,
        excluded=excluded,
        calibration=asked.calibration,
        seconds=_answer_times(asked, None),
        system=asked.system(),
    )


def _evaluate_reranked(asked: _Asked, reranking: ReRanking) -> Evaluation:
    """Ranks by the re-ranker; what rests on scores that compare between queries is that of the search before it."""
    shown, excluded = _shown(asked)
    reranking = with_gallery(reranking, asked.store, asked.info.name)
    found = asked.search(max(_SHALLOWEST, _RANKED // len(asked.queries)))
    # A copy of the query itself must not lead a re-ranker either.
    found = [without(result, ids) for result, ids in zip(found, excluded, strict=True)]
    photos = StoredPhotos([query.path for query in asked.queries], asked.extraction, asked.store, asked.info.name)
    made = rerank(
        found,
        asked.vectors,
        reranking=reranking,
        store=asked.store,
        space=asked.info.name,
        photos=photos,
        query_metadata=[query.metadata for query in asked.queries],
    )
    searched, ranked = (
        evaluate_ranking(
            results,
            asked.queries,
            shown.items,
            gallery_paths=shown.paths,
            excluded=excluded,
            calibration=calibration,
            seconds=_answer_times(asked, reranking) if calibration is None else None,
            system=asked.system()
            | {
                "re-ranker": reranking.reranker.describe(),
                "re-ranking, the gallery once, seconds": round(made.fit_seconds, 3),
                "re-ranking, milliseconds a query": round(1000 * made.seconds / len(found), 3),
            },
        )
        for results, calibration in ((found, asked.calibration), (made.results, None))
    )
    return ranked.with_scores_of(searched)


def without(result: SearchResult, ids: Collection[str]) -> SearchResult:
    """The hits that are not among some ids.

    >>> import numpy as np
    >>> without(SearchResult("q", ("a", "b"), np.array([0.9, 0.4])), ["a"]).ids
    ('b',)
    """
    kept = [place for place, id_ in enumerate(result.ids) if id_ not in ids]
    if len(kept) == len(result):
        return result
    metadata = tuple(result.metadata[place] for place in kept)
    return SearchResult(result.query, tuple(result.ids[place] for place in kept), result.scores[kept], metadata)


def _answer_times(asked: _Asked, reranking: ReRanking | None) -> list[float]:
    """Seconds from a photo's file to the decision, one query at a time as a user asks them."""
    step = max(1, len(asked.queries) // _TIMED)
    chosen = [asked.queries[0], *asked.queries[::step]]  # the first one warms up and is not counted
    depth = min(asked.info.count, max(_ANSWERED, reranking.reranker.depth if reranking is not None else 0))
    extraction, store, space = asked.extraction, asked.store, asked.info.name
    seconds: list[float] = []
    for query in chosen:
        started = time.perf_counter()
        vector = extraction.extractor.embed([extraction.prepare_source(query.path, query.path)])
        results = store.search(space, vector, depth, fingerprint=asked.info.fingerprint)
        decide(results, calibration=asked.calibration)
        if reranking is not None:
            photos = StoredPhotos([query.path], extraction, store, space)
            rerank(
                results,
                vector,
                reranking=reranking,
                store=store,
                space=space,
                photos=photos,
                query_metadata=[query.metadata],
            )
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def _write(evaluation: Evaluation, out: Path | None, command: str) -> Path | None:
    if out is None:
        return None
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(evaluation.to_json(), ensure_ascii=False, indent=1) + "\n")
    return write_report(evaluation, out / "report.html", command=command)
