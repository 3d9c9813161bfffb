"""The graph of mutual neighbours, and where random walks on it end: the offline part of diffusion."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from util.rerank._sparse_rows import SparseRows

_BLOCK = 512  # walks solved before their zeros are dropped
_TOLERANCE = 1e-6
_ITERATIONS = 20

_Number = TypeVar("_Number", bound=np.generic)


def neighbours_needed(*, neighbours: int, truncation: int) -> int:
    """How many neighbours of each image the walks rest on."""
    return max(neighbours, truncation - 1)


def solve_walks(
    rows: NDArray[np.int32],
    cosines: NDArray[np.float32],
    *,
    neighbours: int,
    truncation: int,
    alpha: float,
    gamma: float,
) -> SparseRows:
    """The rows of (I − αS)⁻¹, each on the nearest images of its own image only.

    Args:
        rows: int32 (N, K), the nearest neighbours of each image, as many as are needed; all others, where there are
            fewer.
        cosines: float32 (N, K), of these.
        neighbours: how many neighbours may be joined to an image.
        truncation: how many images, the first included, a walk may visit.
        alpha: probability to go on, in [0, 1).
        gamma: exponent of the cosines.

    Returns:
        N sparse rows of at most ``truncation`` numbers each.
    """
    from util.rerank._conjugate_gradient import solve_truncated

    graph = mutual_graph(rows[:, :neighbours], cosines[:, :neighbours], gamma)
    columns, starts = graph.indices.astype(np.int32), graph.indptr.astype(np.int64)
    nearest = np.concatenate([np.arange(len(rows), dtype=np.int32)[:, None], rows[:, : truncation - 1]], axis=1)

    def solved(start: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
        visited = nearest[start : start + _BLOCK]
        walks = solve_truncated(graph.data, columns, starts, visited, alpha, _TOLERANCE, _ITERATIONS)
        reached = walks > 0
        return walks[reached], visited[reached], reached.sum(axis=1)

    # The compiled loops let go of the interpreter, so that threads share the processors.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(solved, range(0, len(nearest), _BLOCK)))
    data, indices, counts = zip(*parts, strict=True) if parts else ((), (), ())
    indptr = np.concatenate([[0], np.cumsum(_joined(counts, np.int64))])
    return SparseRows(_joined(data, np.float32), _joined(indices, np.int32), indptr)


def mutual_graph(rows: NDArray[np.int32], cosines: NDArray[np.float32], gamma: float) -> csr_array:
    """The affinity of mutual neighbours, scaled by the square roots of both degrees.

    Args:
        rows: int32 (N, k), the neighbours of each image.
        cosines: float32 (N, k), their cosines.
        gamma: exponent of the cosines.

    Returns:
        Sparse (N, N), float32, symmetric, with eigenvalues in [−1, 1].
    """
    n, k = rows.shape
    affinity = np.maximum(cosines, 0) ** np.float32(gamma) * (cosines > 0)
    near = csr_array((affinity.ravel(), rows.ravel(), np.arange(n + 1) * k), shape=(n, n))
    mutual = near.minimum(near.T).tocsr()  # nothing where only one is a neighbour of the other
    mutual.eliminate_zeros()
    mutual.sort_indices()
    degree = np.asarray(mutual.sum(axis=1), dtype=np.float64).reshape(n)
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros(n), where=degree > 0)
    of = np.repeat(np.arange(n), np.diff(mutual.indptr))
    mutual.data = (mutual.data * scale[of] * scale[mutual.indices]).astype(np.float32)
    return mutual


def _joined(parts: Sequence[NDArray[Any]], kind: type[_Number]) -> NDArray[_Number]:
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.empty(0, kind)
