"""What all query expansions share: the query moves towards its first hits, and all hits are scored anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings, unit_rows
from util.rerank._ordering import rescored
from util.rerank.base import RankedQueries

Weights: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""From the cosines (n,) between a query and its first hits, best first, to the weights (n,) of those hits."""


def expand_queries(queries: RankedQueries, n: int, weights: Weights) -> RankedQueries:
    """The queries moved towards their hits, which are scored by their cosine to where the query went.

    Args:
        queries: Q rankings.
        n: how many hits take part, where there are as many.
        weights: gives their weights.
    """
    return by_cosine(queries, moved_queries(queries, n, weights))


def moved_queries(queries: RankedQueries, n: int, weights: Weights) -> Embeddings:
    """The vectors (Q, D) that the queries become.

    With v_1 … v_n the vectors of the first n hits, the query q becomes the unit vector along q + Σ w_i v_i: it stays in
    its own expansion with weight 1, so that it need not be in the gallery itself.
    """
    moved = queries.vectors.copy()
    for number, query in enumerate(queries.vectors):
        nearest = queries.gallery.vectors[queries.rows(number)[:n]]
        moved[number] += weights(nearest @ query) @ nearest
    return unit_rows(moved)


def by_cosine(queries: RankedQueries, vectors: Embeddings) -> RankedQueries:
    """The hits scored by their cosine to new query vectors (Q, D)."""
    results = [
        rescored(result, np.clip(queries.gallery.vectors[queries.rows(number)] @ vectors[number], -1, 1))
        for number, result in enumerate(queries.results)
    ]
    return queries.replace(results=tuple(results), vectors=vectors)
