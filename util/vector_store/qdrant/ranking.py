"""From what Qdrant found to hits in NearID's order: falling score, equal scores by id, complete at the k-th place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from util.records import Embeddings, SearchResult
from util.vector_store.qdrant.points import image_id, metadata, vector_rows

Points = list[models.ScoredPoint]
Ask = Callable[[Embeddings, int], list[Points]]
"""Query vectors and a limit → that many best points for each of them, best first."""

_SPARE = 8


def complete_answers(ask: Ask, queries: Embeddings, k: int, *, most: int | None, margin: float) -> list[Points]:
    """The best points for each query, with all those whose scores equal the k-th.

    Which of several equals come before the k-th place is Qdrant's whim. So more are asked for, until one is worse.

    Args:
        ask: asks Qdrant.
        queries: float32 (Q, D), unit rows.
        k: how many hits are wanted.
        most: how many points there are, where k may be far more.
        margin: scores closer than this may be equal.
    """
    answers: list[Points] = [[] for _ in queries]
    pending = list(range(len(queries)))
    limit = k + _SPARE
    while pending:
        asked = limit if most is None else max(1, min(limit, most))
        for place, points in zip(pending, ask(queries[pending], asked), strict=True):
            answers[place] = points
        if asked == most:
            break
        pending = [place for place in pending if _may_go_on(answers[place], k, asked, margin)]
        limit *= 2
    return answers


def _may_go_on(points: Points, k: int, asked: int, margin: float) -> bool:
    """Whether a point that was not answered may score as high as the k-th."""
    return len(points) >= asked and points[-1].score >= points[k - 1].score - margin


def scores_of(points: Points) -> NDArray[np.float32]:
    """Qdrant's inner products as cosines: float32 in [-1, 1], without a negative zero."""
    return _as_cosines(np.array([point.score for point in points], dtype=np.float64))


def exact_scores(points: Points, query: Embeddings) -> NDArray[np.float32]:
    """The same, computed again from the vectors that came with the points.

    In the process, numpy multiplies by BLAS, where equal rows may have products that differ in the last place.
    """
    rows = vector_rows([point.vector for point in points], len(query))
    return _as_cosines((rows * query.astype(np.float64)).sum(axis=1))


def ranked(
    name: str, points: Sequence[models.ScoredPoint], scores: NDArray[np.float32], k: int, *, with_metadata: bool
) -> SearchResult:
    """The k best of some points as the answer to a query."""
    ids = [image_id(point.payload) for point in points]
    best = sorted(range(len(points)), key=lambda place: (-scores[place], ids[place]))[:k]
    found = tuple(metadata(points[place].payload) for place in best) if with_metadata else ()
    return SearchResult(name, tuple(ids[place] for place in best), scores[best], found)


def _as_cosines(products: NDArray[np.float64]) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = np.clip(products, -1, 1).astype(np.float32)
    return cosines + np.float32(0)
