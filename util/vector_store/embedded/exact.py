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
_QUERIES = 256  # queries multiplied at once
_CHUNK = 2048  # rows computed again at once
_BELOW_ALL = -2.0  # below any cosine, above the -inf of removed rows


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
        few = VectorRows(rows.change, rows.keys[among], (rows.take(among),), np.empty(0, dtype=np.intp))
        return [Candidates(among[found.positions], found.scores) for found in nearest(few, queries, k)]
    if among is not None:
        rows = rows.only(among)
    found: list[Candidates] = []
    for start in range(0, len(queries), _QUERIES):
        block = queries[start : start + _QUERIES]
        found += [best_of(rows, query, near, k) for query, near in zip(block, _near(rows, block, k), strict=True)]
    return found


def best_of(rows: VectorRows, query: Embeddings, positions: Positions, k: int) -> Candidates:
    """The k best of some rows, by exact scores.

    Args:
        rows: the rows.
        query: float32 (D,).
        positions: of the rows to choose from.
        k: how many.
    """
    if len(positions) > 2 * k:
        positions = _sifted(rows, query, positions, k)
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


def _sifted(rows: VectorRows, query: Embeddings, positions: Positions, k: int) -> Positions:
    """Positions of the rows that may belong to the k best of these, by their products in float32."""
    kept = []
    for start in range(0, len(positions), _CHUNK):
        chunk = positions[start : start + _CHUNK]
        products = rows.take(chunk) @ query
        kept.append(chunk[products >= _limits(products[np.newaxis], k, len(query))])
    return np.concatenate(kept)


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
    size = max(1, _PRODUCTS // max(1, len(among)))
    for first in range(0, len(queries), size):
        block = queries[first : first + size]
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


def _near(rows: VectorRows, queries: Embeddings, k: int) -> list[Positions]:
    """Positions of the rows that may belong to the k best of each query."""
    limits = np.full(len(queries), _BELOW_ALL, dtype=np.float32)
    found: list[list[tuple[Positions, NDArray[np.float32]]]] = [[] for _ in queries]
    for start, products in rows.products(queries, max(1, _PRODUCTS // len(queries))):
        # What may belong to the k best of all rows belongs to the k best of some, too.
        np.maximum(limits, _limits(products, k, queries.shape[1]), out=limits)
        for line, row, limit in zip(found, products, limits, strict=True):
            places = np.flatnonzero(row >= limit)
            line.append((places + start, row[places]))
    return [_pooled(line, k, queries.shape[1]) for line in found]


def _pooled(found: list[tuple[Positions, NDArray[np.float32]]], k: int, dimension: int) -> Positions:
    if len(found) == 1:
        return found[0][0]
    positions = np.concatenate([np.empty(0, dtype=np.intp), *(places for places, _ in found)])
    products = np.concatenate([np.empty(0, dtype=np.float32), *(values for _, values in found)])
    return positions[products >= _limits(products[np.newaxis], k, dimension)]


def _limits(products: NDArray[np.float32], k: int, dimension: int) -> NDArray[np.float32]:
    """Products from here on may have one of the k best scores of their line, once they are computed exactly."""
    width = products.shape[1]
    if k > width:
        return np.full(len(products), _BELOW_ALL, dtype=np.float32)
    # Scores are cut off at 1 and at -1, where others become equal to the k-th.
    kth = np.minimum(np.partition(products, width - k, axis=1)[:, width - k], 1)
    # Both products may be off; the scores are rounded to float32, and so is the limit itself.
    margin = 2 * rounding_error(dimension) + 2.0**-22
    return np.where(kth > margin - 1, kth - np.float32(margin), np.float32(_BELOW_ALL))
