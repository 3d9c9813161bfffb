"""The nearest images, distinct, in falling score and equal scores by id, from answers that promise none of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import StoreError
from util.records import Embeddings, Metadata
from util.vector_store.vearch.documents import content_of
from util.vector_store.vearch.remote_space import (
    BY_INDEX,
    BY_SCAN,
    Filter,
    RawDocument,
    RemoteSpace,
    chunks,
    filter_of,
)
from util.vector_store.vearch.scanning import Conditions, scan
from util.vector_store.vearch.schema import SLOT, TEXTS
from util.vector_store.vearch.terms import EVERYTHING

# Of quantised vectors, how many hits are looked at again, at least.
_CANDIDATES = 200
# Of one request: hits in its answer, and numbers in its query vectors (about 8 MB of JSON).
_MOST_HITS = 20_000
_MOST_NUMBERS = 600_000


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer to one query.

    Attributes:
        ids: best first.
        scores: float32, falling.
        metadata: one mapping an id, or none at all where it was not asked for.
    """

    ids: tuple[str, ...]
    scores: NDArray[np.float32]
    metadata: tuple[Metadata, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """How to ask.

    Attributes:
        k: hits a query.
        conditions: lists of words, of each of which a hit must have one.
        approximate: whether the space has an index that may miss something.
        index_only: whether only the index may be asked, since Vearch's scan is wrong beside it.
        parameters: of the index.
        with_metadata: whether hits carry their metadata.
    """

    k: int
    conditions: Conditions
    approximate: bool
    index_only: bool
    parameters: dict[str, int]
    with_metadata: bool

    @property
    def fields(self) -> Sequence[str]:
        """What to ask for of each hit."""
        return TEXTS if self.with_metadata else (SLOT,)


def rank(space: RemoteSpace, vectors: Embeddings, search: Search) -> list[Ranking]:
    """The images nearest to each of (Q, D) unit rows; a row of zeros is equally far from all."""
    if not all(search.conditions):
        return [_ranking({}, search)] * len(vectors)
    rankings: dict[int, Ranking] = {}
    blank = ~vectors.any(axis=1)
    if blank.any():
        rankings |= dict.fromkeys(np.flatnonzero(blank).tolist(), _first_by_id(space, search))
    waiting = np.flatnonzero(~blank)
    # A filter may leave an index with little to find, so a search with one looks at all that match.
    exact = not search.index_only and (not search.approximate or bool(search.conditions))
    limit = search.k + 1
    while len(waiting):
        undecided: list[int] = []
        for places, answers in _ask(space, vectors, waiting, search, limit=limit, exact=exact):
            for place, answer in zip(places, answers, strict=True):
                hits = _scored(answer)
                if _decided(hits, search.k, asked=limit, complete=exact or search.index_only):
                    rankings[place] = _ranking(hits, search)
                else:
                    undecided.append(place)
        waiting = np.array(undecided, dtype=np.intp)
        limit, exact = limit * 4, not search.index_only
    return [rankings[place] for place in range(len(vectors))]


def _ask(
    space: RemoteSpace, vectors: Embeddings, places: NDArray[np.intp], search: Search, *, limit: int, exact: bool
) -> Iterator[tuple[list[int], list[list[RawDocument]]]]:
    """Asks for some of the queries, as many at once as a request and its answer may hold."""
    parameters = dict(search.parameters)
    if search.index_only:
        # As many candidates are compared by their whole vectors, so that scores are cosines again.
        parameters["recall_num"] = max(parameters.get("recall_num", 0), _CANDIDATES, 4 * limit)
    if "efSearch" in parameters:
        parameters["efSearch"] = max(parameters["efSearch"], limit)
    conditions: Filter | None = filter_of(search.conditions) if search.conditions else None
    size = max(1, min(_MOST_HITS // limit, _MOST_NUMBERS // vectors.shape[1]))
    for start in range(0, len(places), size):
        part = places[start : start + size]
        answers = space.search(
            vectors[part],
            limit=limit,
            conditions=conditions,
            brute_force=BY_SCAN if exact else BY_INDEX,
            parameters=parameters,
            fields=search.fields,
        )
        yield part.tolist(), answers


def _scored(answer: Sequence[RawDocument]) -> dict[str, tuple[np.float32, RawDocument]]:
    """Hits by id with their scores, which are cosines: rounding may not lead out of [-1, 1]."""
    scores = np.array([document.get("_score") for document in answer], dtype=np.float64)
    if not np.all(np.isfinite(scores)):
        raise StoreError("Vearch answers a search with a score that is no number")
    cosines = np.clip(scores.astype(np.float32), -1, 1) + np.float32(0)  # no -0
    return {document["_id"]: (score, document) for score, document in zip(cosines, answer, strict=True)}


def _decided(hits: dict[str, tuple[np.float32, RawDocument]], k: int, *, asked: int, complete: bool) -> bool:
    """Whether nothing that was not answered can belong among the first k."""
    if len(hits) < asked:
        return complete or len(hits) >= k
    # With equal scores at both places, more of the same may follow, and smaller ids come first.
    scores = sorted((score for score, _ in hits.values()), reverse=True)
    return bool(scores[k - 1] > scores[-1])


def _ranking(hits: dict[str, tuple[np.float32, RawDocument]], search: Search) -> Ranking:
    best = sorted(hits.items(), key=lambda hit: (-hit[1][0], hit[0]))[: search.k]
    scores = np.array([score for _, (score, _) in best], dtype=np.float32)
    documents = [document for _, (_, document) in best] if search.with_metadata else []
    return Ranking(tuple(id_ for id_, _ in best), scores, tuple(content_of(document) for document in documents))


def _first_by_id(space: RemoteSpace, search: Search) -> Ranking:
    """The answer to a query of zeros: every image scores 0."""
    pages = scan(space, search.conditions or [[EVERYTHING]])
    ids = heapq.nsmallest(search.k, (document["_id"] for document in chain.from_iterable(pages)))
    documents: dict[str, dict[str, Any]] = {}
    for part in chunks(ids):
        documents |= space.of_ids(part, fields=search.fields)
    return _ranking({id_: (np.float32(0), document) for id_, document in documents.items()}, search)
