"""Many small linear systems on parts of one sparse matrix, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_OUTSIDE, _WAITING = -1, -2  # of a part of the graph; in it, but not known to be reached


@njit(cache=True, nogil=True)
def solve_truncated(
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int64],
    visited: NDArray[np.int32],
    alpha: float,
    tolerance: float,
    iterations: int,
) -> NDArray[np.float32]:
    """Solves (I − αS) f = e₁ on B parts of a graph by conjugate gradients.

    Args:
        data: numbers of S, sparse (N, N), symmetric, eigenvalues in [−1, 1].
        indices: their columns.
        indptr: where its rows begin.
        visited: int32 (B, T), distinct nodes of each part; the first one is where the walk starts.
        alpha: in [0, 1).
        tolerance: of the residual's length, that of the right-hand side being 1.
        iterations: at most so many.

    Returns:
        float32 (B, T), f on the nodes of each part.
    """
    n_parts, size = visited.shape
    solved = np.zeros((n_parts, size), dtype=np.float32)
    place = np.full(len(indptr) - 1, _OUTSIDE, dtype=np.int32)
    for part in range(n_parts):
        reached = _reached(indices, indptr, visited[part], place)
        starts, columns, weights = _restricted(data, indices, indptr, visited[part][reached], place)
        solved[part][reached] = _walk(starts, columns, weights, alpha, tolerance, iterations)
        for node in visited[part]:
            place[node] = _OUTSIDE
    return solved


@njit(cache=True, nogil=True)
def _reached(
    indices: NDArray[np.int32], indptr: NDArray[np.int64], nodes: NDArray[np.int32], place: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Places of the nodes that a walk within the nodes can reach from the first, rising: elsewhere it never is."""
    for node in nodes:
        place[node] = _WAITING
    queue = np.empty(len(nodes), dtype=np.int32)
    queue[0], length, done = nodes[0], 1, 0
    place[nodes[0]] = 0
    while done < length:
        node = queue[done]
        done += 1
        for at in range(indptr[node], indptr[node + 1]):
            if place[indices[at]] == _WAITING:
                place[indices[at]] = 0
                queue[length] = indices[at]
                length += 1
    return np.flatnonzero(place[nodes] == 0)


@njit(cache=True, nogil=True)
def _restricted(
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int64],
    nodes: NDArray[np.int32],
    place: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """The rows and columns of some nodes, numbered as the nodes are: starts (R + 1,), columns, weights."""
    room = 0
    for number, node in enumerate(nodes):
        place[node] = number
        room += indptr[node + 1] - indptr[node]
    starts = np.zeros(len(nodes) + 1, dtype=np.int32)
    columns = np.empty(room, dtype=np.int32)
    weights = np.empty(room, dtype=np.float32)
    end = 0
    for number, node in enumerate(nodes):
        for at in range(indptr[node], indptr[node + 1]):
            if place[indices[at]] >= 0:
                columns[end] = place[indices[at]]
                weights[end] = data[at]
                end += 1
        starts[number + 1] = end
    return starts, columns[:end], weights[:end]


@njit(cache=True, nogil=True)
def _walk(
    starts: NDArray[np.int32],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    alpha: float,
    tolerance: float,
    iterations: int,
) -> NDArray[np.float64]:
    """Conjugate gradients for (I − αS) f = e₁ (Hestenes and Stiefel, 1952), from f = 0."""
    size = len(starts) - 1
    f = np.zeros(size)
    residual = np.zeros(size)
    residual[0] = 1.0
    direction = residual.copy()
    image = np.empty(size)
    squared = 1.0
    for _ in range(iterations):
        if squared <= tolerance * tolerance:
            break
        along = 0.0
        for row in range(size):
            total = 0.0
            for at in range(starts[row], starts[row + 1]):
                total += weights[at] * direction[columns[at]]
            image[row] = direction[row] - alpha * total
            along += image[row] * direction[row]
        if along <= 0.0:
            break  # alpha so close to 1 that rounding makes the system singular: what is solved by now stands
        step = squared / along
        f += step * direction
        residual -= step * image
        before, squared = squared, np.dot(residual, residual)
        direction = residual + squared / before * direction
    return f
