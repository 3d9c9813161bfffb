"""Evaluate a whole system, from photo files to decisions, on a labelled data set."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from util.datasets import with_content_hashes
from util.errors import DatasetError
from util.evaluation.calibration import Calibration
from util.evaluation.evaluate import evaluate_ranking
from util.evaluation.report import Evaluation
from util.plots.report import write_report
from util.records import Embeddings, ImageRecord, SpaceInfo
from util.search.calibrating import calibrate_space, calibration_of
from util.search.extraction import Extraction, Failure, Progress, no_progress
from util.search.identifying import decide
from util.search.indexing import index_images
from util.vector_store.base import VectorStore

_RANKED = 20_000_000  # hits held at once: whole rankings up to 1,000 queries × 20,000 images
_SHALLOWEST = 100
_TIMED = 100


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


def evaluate_system(
    queries: Sequence[ImageRecord],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str,
    gallery: Sequence[ImageRecord] | None = None,
    false_accept_rate: float | None = None,
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
    evaluation = _evaluate(read, vectors, extraction, store, info, calibration)
    return SystemEvaluation(evaluation, tuple(failed), _write(evaluation, out, command))


def _calibration(store: VectorStore, info: SpaceInfo, false_accept_rate: float | None) -> Calibration:
    if false_accept_rate is None:
        return calibration_of(store, info)
    return calibrate_space(store, info.name, false_accept_rate=false_accept_rate)


def _evaluate(
    queries: Sequence[ImageRecord],
    vectors: Embeddings,
    extraction: Extraction,
    store: VectorStore,
    info: SpaceInfo,
    calibration: Calibration,
) -> Evaluation:
    items: dict[str, str | None] = {}
    paths: dict[str, str] = {}
    copies: dict[str, list[str]] = defaultdict(list)
    for batch in store.iterate(info.name):
        for id_, metadata in zip(batch.ids, batch.metadata, strict=True):
            item = metadata.get("item")
            items[id_] = item if isinstance(item, str) else None
            paths[id_] = str(metadata.get("path", id_))
            copies[str(metadata.get("sha256", id_))].append(id_)
    depth = min(info.count, max(_SHALLOWEST, _RANKED // len(queries)))
    results = store.search(
        info.name, vectors, depth, fingerprint=info.fingerprint, queries=[q.id for q in queries], with_metadata=False
    )
    hashes = [str(record.metadata["sha256"]) for record in with_content_hashes(queries)]
    return evaluate_ranking(
        results,
        queries,
        items,
        gallery_paths=paths,
        excluded=[copies.get(sha256, ()) for sha256 in hashes],
        calibration=calibration,
        seconds=_answer_times(queries, extraction, store, info, calibration),
        system={
            "extractor": info.extractor,
            "recipe": info.recipe,
            "dimension": info.dimension,
            "index": info.index,
            "store": store.url,
            "space": info.name,
            "fingerprint": info.fingerprint,
            "gallery images": info.count,
        },
    )


def _answer_times(
    queries: Sequence[ImageRecord],
    extraction: Extraction,
    store: VectorStore,
    info: SpaceInfo,
    calibration: Calibration,
) -> list[float]:
    """Seconds from a photo's file to the decision, one query at a time as a user asks them."""
    step = max(1, len(queries) // _TIMED)
    chosen = [queries[0], *queries[::step]]  # the first one warms up and is not counted
    seconds: list[float] = []
    for query in chosen:
        started = time.perf_counter()
        vector = extraction.extractor.embed([extraction.prepare_source(query.path, query.path)])
        results = store.search(info.name, vector, min(50, info.count), fingerprint=info.fingerprint)
        decide(results, calibration=calibration)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def _write(evaluation: Evaluation, out: Path | None, command: str) -> Path | None:
    if out is None:
        return None
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(evaluation.to_json(), ensure_ascii=False, indent=1) + "\n")
    return write_report(evaluation, out / "report.html", command=command)
