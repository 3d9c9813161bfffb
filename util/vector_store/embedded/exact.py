"""Exact nearest rows, as fast as memory can be read.

A search runs in two steps. The first multiplies queries and rows in float32 by BLAS; its results are off by less than
a known bound. So every row within that bound of the k-th best goes on to the second step, which computes the product
in float64 and rounds it once. The outcome depends on the two vectors alone, not on where they lie: equal vectors have
equal scores, and none at the k-th place is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings
from util.vector_store.embedded.rows import Positions, VectorRows
from util.vector_store.validation import LENGTH_TOLERANCE

_PRODUCTS = 4 << 20  # products held at once: 16 MiB in float32
_CHUNK = 2048  # rows computed again at once


class Candidates(NamedTuple):
    """The best rows for one query: k of them, and any others whose score equals the k-th.

    Attributes:
        positions: of the rows, in no particular order.
        scores: float32, as many.
    """

    positions: Positions
    scores: NDArray[np.float32]


def nearest(rows: VectorRows, queries: Embeddings, k: int, *, among: Positions | None = None) -> list[Candidates]:
    """The k rows most similar to each query.

    Args:
        rows: the rows to search.
        queries: float32 (Q, D), unit rows.
        k: how many, at least 1.
        among: positions to choose from, ascending and alive; all without it.
    """
    if among is not None and 4 * len(among) < len(rows.keys):
        rows, positions = _picked(rows, among), among
        return [Candidates(positions[found.positions], found.scores) for found in nearest(rows, queries, k)]
    found: list[Candidates] = []
    for block in _blocks(queries, len(rows.keys)):
        products = rows.products(block)
        if among is not None:
            products = products[:, among]
        near = _close_to_best(products, k, margin=2 * rounding_error(queries.shape[1]))
        near = near if among is None else [among[place] for place in near]
        found += [best_of(rows, query, positions, k) for query, positions in zip(block, near, strict=True)]
    return found


def best_of(rows: VectorRows, query: Embeddings, positions: Positions, k: int) -> Candidates:
    """The k best of some rows, by exact scores.

    Args:
        rows: the rows.
        query: float32 (D,).
        positions: of the rows to choose from.
        k: how many.
    """
    scores = np.empty(len(positions), dtype=np.float64)
    wide = query.astype(np.float64)
    for start in range(0, len(positions), _CHUNK):
        chunk = rows.take(positions[start : start + _CHUNK])
        # Summed along each row by itself, so that the result does not depend on the neighbours as in a matrix product.
        scores[start : start + _CHUNK] = (chunk * wide).sum(axis=1)
    rounded = as_scores(scores)
    if len(rounded) > k:
        kept = rounded >= np.partition(rounded, len(rounded) - k)[len(rounded) - k]
        return Candidates(positions[kept], rounded[kept])
    return Candidates(positions, rounded)


def full_scores(rows: VectorRows, queries: Embeddings, among: Positions) -> Iterator[NDArray[np.float32]]:
    """Scores of queries with many rows, a block of queries at a time.

    Args:
        rows: the rows.
        queries: float32 (Q, D), unit rows.
        among: positions of M rows, ascending.

    Yields:
        float32 (B, M) for the next B queries. Made by matrix products in float64 and rounded once, so that another
        order of summing changes a score in its last place in one of about 10⁸ cases.
    """
    for block in _blocks(queries, len(among)):
        wide = block.astype(np.float64)
        scores = np.empty((len(block), len(among)), dtype=np.float32)
        for start in range(0, len(among), _CHUNK):
            chunk = rows.take(among[start : start + _CHUNK]).astype(np.float64)
            scores[:, start : start + _CHUNK] = as_scores(wide @ chunk.T)
        yield scores


def as_scores(products: NDArray[np.float64]) -> NDArray[np.float32]:
    """Inner products of unit rows as cosines: float32 in [-1, 1], without a negative zero."""
    return np.clip(products, -1.0, 1.0).astype(np.float32) + np.float32(0)


def rounding_error(dimension: int) -> float:
    """How far a float32 inner product of two unit rows can be off, in whatever order it is summed.

    Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1: |error| ≤ γₙ·|x|·|y| with
    γₙ = n·u / (1 − n·u) and u = 2⁻²⁴.
    """
    terms = dimension * 2.0**-24
    return terms / (1 - terms) * (1 + LENGTH_TOLERANCE) ** 2


def _close_to_best(products: NDArray[np.float32], k: int, *, margin: float) -> list[Positions]:
    """Places of the products that may belong to the k best of their row."""
    width = products.shape[1]
    k = min(k, width)
    if k == 0:
        return [np.empty(0, dtype=np.intp)] * len(products)
    kth = np.partition(products, width - k, axis=1)[:, width - k]
    # Removed rows have -inf: where fewer than k are alive, all that are finite belong to them.
    least = np.maximum(kth - np.float32(margin), np.float32(-2))
    return [np.flatnonzero(row >= limit) for row, limit in zip(products, least, strict=True)]


def _picked(rows: VectorRows, positions: Positions) -> VectorRows:
    return VectorRows(rows.change, rows.keys[positions], (rows.take(positions),), np.empty(0, dtype=np.intp))


def _blocks(queries: Embeddings, width: int) -> Iterator[Embeddings]:
    size = max(1, _PRODUCTS // max(1, width))
    for start in range(0, len(queries), size):
        yield queries[start : start + size]
