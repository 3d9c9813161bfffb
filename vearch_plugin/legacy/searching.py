"""Searching a space as 2021's queries ask: with filters and score bounds that no store knows by itself."""

from __future__ import annotations

from collections.abc import Iterator

from util.errors import InvalidInputError
from util.records import Embeddings, Hit, Metadata
from util.vector_store.base import VectorStore
from vearch_plugin.legacy.answers import ScoredDocument
from vearch_plugin.legacy.catalogue import LegacySpace
from vearch_plugin.legacy.documents import SOURCE, source_of
from vearch_plugin.legacy.filters import Filter
from vearch_plugin.legacy.queries import Query

_MOST_LOOKED_AT = 200_000
_FIRST_LOOK = 4  # times as many hits as are wanted, where some will be turned down
_NEXT_LOOK = 8  # times as many as before


def search_space(store: VectorStore, space: LegacySpace, query: Query, row: Embeddings) -> list[ScoredDocument]:
    """The best documents that the query accepts.

    Args:
        store: where they are.
        space: which space.
        query: what is looked for.
        row: its vector, float32 (1, D).

    Raises:
        InvalidInputError: if too many documents would have to be looked at one by one.
    """
    hits = _accepted(store, space, query, row)
    vectors = {}
    if query.with_vector and hits:
        stored = store.get(space.info.name, [hit.id for hit in hits])
        vectors = dict(zip(stored.ids, stored.vectors, strict=True))
    return [
        ScoredDocument(
            hit.id,
            space.schema.vector.score(hit.score) * query.boost,
            source_of(space.schema, hit.metadata, vector=vectors.get(hit.id), fields=query.fields),
            str(hit.metadata.get(SOURCE, "")),
        )
        for hit in hits
    ]


def matching_ids(store: VectorStore, space: LegacySpace, filter_: Filter) -> Iterator[list[str]]:
    """Ids of the documents that a filter lets through, in batches."""
    for batch in store.iterate(space.info.name, where=filter_.where or None):
        pairs: Iterator[tuple[str, Metadata]] = zip(batch.ids, batch.metadata, strict=True)
        yield [id_ for id_, metadata in pairs if filter_.accepts(metadata)]


def _accepted(store: VectorStore, space: LegacySpace, query: Query, row: Embeddings) -> list[Hit]:
    """The hits; looks deeper until there are enough, or no further one can be accepted."""
    picky = bool(query.filter.tests) or query.high < 1
    depth = query.size * _FIRST_LOOK if picky else query.size
    while True:
        result = store.search(
            space.info.name, row, depth, fingerprint=space.info.fingerprint, where=query.filter.where or None
        )[0]
        accepted = [
            hit for hit in result if query.low <= hit.score <= query.high and query.filter.accepts(hit.metadata)
        ]
        exhausted = len(result) < depth or float(result.scores[-1]) < query.low
        if exhausted or len(accepted) >= query.size:
            return accepted[: query.size]
        if depth >= _MOST_LOOKED_AT:
            raise InvalidInputError(
                f"of the {depth:,} nearest documents only {len(accepted)} fit: "
                "ask for fewer, or with a filter (and, or, range) that the store can decide by itself"
            )
        depth = min(depth * _NEXT_LOOK, _MOST_LOOKED_AT)


def _within(query: Query, score: float) -> bool:
    # Rounding lets the cosine of a vector with itself pass 1, which a program's "max_score": 1.0 must not cut off.
    return query.low <= min(1.0, score) <= query.high
