"""Sets of mutual neighbours, and the weights on them that describe an image: the parts of k-reciprocal re-ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from util.records import Embeddings
from util.rerank._folder import Arrays
from util.rerank._sparse_rows import SparseRows

_MATRICES = ("half", "weights", "averaged_by_column")
_BLOCK = 32_768  # pairs whose distance is computed at a time


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A gallery of N images, each described by weights on other images.

    Attributes:
        half: sparse (N, N) of ones, each row the reciprocal neighbours at ½ k1, the image itself included.
        weights: sparse (N, N), each row the weights of an image, that add up to 1.
        averaged_by_column: sparse (N, N), the *columns* of the averaged weights as rows.
        totals: float32 (N,), the sum of the averaged weights of each image.
        farthest: float32 (N,), cosine of the k1-th neighbour: who is nearer has the image as a neighbour.
    """

    half: SparseRows
    weights: SparseRows
    averaged_by_column: SparseRows
    totals: NDArray[np.float32]
    farthest: NDArray[np.float32]

    def to_arrays(self) -> Arrays:
        """As plain arrays, to be remembered."""
        matrices = {name: getattr(self, name).to_arrays(name) for name in _MATRICES}
        return {"totals": self.totals, "farthest": self.farthest} | {
            key: array for arrays in matrices.values() for key, array in arrays.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """What ``to_arrays`` was made of, without copying."""
        half, weights, averaged = (SparseRows.from_arrays(arrays, name) for name in _MATRICES)
        return cls(half, weights, averaged, arrays["totals"], arrays["farthest"])


def neighbours_needed(*, k1: int, k2: int) -> int:
    """How many neighbours of each image its description rests on."""
    return max(k1, k2 - 1)


def describe_gallery(
    vectors: Embeddings, rows: NDArray[np.int32], cosines: NDArray[np.float32], *, k1: int, k2: int
) -> Described:
    """Describes all images of a gallery; memory grows with N · k1 · k2, not with N².

    Args:
        vectors: float32 (N, D), unit rows or zeros.
        rows: int32 (N, K), their nearest neighbours, as many as are needed; all others, where there are fewer.
        cosines: float32 (N, K), of these.
        k1: size of the neighbourhoods.
        k2: over how many images, the image itself included, weights are averaged.
    """
    n = len(vectors)
    half = _reciprocal(rows[:, : half_size(k1)])
    sets = expanded(_reciprocal(rows[:, :k1]), half)
    weights = _scaled_rows(_with_kernel(sets, vectors))
    averaged = (_averaging(rows[:, : k2 - 1]) @ weights).tocsr()
    totals = np.asarray(averaged.sum(axis=1), dtype=np.float32).reshape(n)
    # In a gallery of no more than k1 images everything is a neighbour of everything.
    farthest = cosines[:, k1 - 1].copy() if cosines.shape[1] >= k1 else np.full(n, -np.inf, np.float32)
    by_column = SparseRows.of(csr_array(averaged.T))
    return Described(SparseRows.of(half), SparseRows.of(weights), by_column, totals, farthest)


def describe_query(
    described: Described, gallery: Embeddings, query: NDArray[np.float32], rows: NDArray[np.intp], *, k1: int, k2: int
) -> NDArray[np.float32]:
    """The averaged weights of a query on the gallery.

    Args:
        described: the gallery.
        gallery: float32 (N, D), its vectors.
        query: float32 (D,), that of the query.
        rows: intp (K,), the query's hits, best first.
        k1: size of the neighbourhoods.
        k2: over how many images, the query itself included, weights are averaged.

    Returns:
        float32 (N,), zero almost everywhere.
    """
    around = np.zeros(len(gallery), dtype=np.float32)
    members = _members(described, rows[:k1], gallery[rows[:k1]] @ query)
    kernel = np.exp(2 * (gallery[members] @ query) - 2)
    around[members] = kernel / kernel.sum() if members.size else kernel
    others = described.weights.take(rows[: k2 - 1])
    np.add.at(around, others.indices, others.data)
    return around / np.float32(1 + len(others.sizes))


def _members(described: Described, nearest: NDArray[np.intp], cosines: NDArray[np.float32]) -> NDArray[np.intp]:
    """The reciprocal neighbours of a query among its nearest hits, with those that their own sets bring along."""
    mutual = nearest[cosines >= described.farthest[nearest]]
    chosen = np.zeros(len(described.totals), dtype=bool)
    chosen[mutual] = True
    half = described.half.take(mutual)
    sizes = half.sizes
    shared = np.bincount(np.repeat(np.arange(len(mutual)), sizes), weights=chosen[half.indices], minlength=len(mutual))
    taken_in = np.repeat(_enough(shared, sizes), sizes)
    chosen[half.indices[taken_in]] = True
    return np.flatnonzero(chosen)


def half_size(k1: int) -> int:
    """How many neighbours are half of k1."""
    return round(k1 / 2)


def _enough(shared: NDArray[np.number], size: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether more than two thirds of sets are shared; in whole numbers, so that no rounding decides."""
    return np.asarray(3 * shared > 2 * size)


def _reciprocal(rows: NDArray[np.int32]) -> csr_array:
    """Sparse (N, N) of ones where two images are among the neighbours (N, k) of each other, and on the diagonal."""
    n, k = rows.shape
    near = csr_array((np.ones(rows.size, np.float32), rows.ravel(), np.arange(n + 1) * k), shape=(n, n))
    return csr_array(near.multiply(near.T) + eye_array(n, dtype=np.float32))


def expanded(sets: csr_array, half: csr_array) -> csr_array:
    """Each set together with the half sets of those members that share more than two thirds of theirs with it."""
    shared = csr_array((sets @ half.T).multiply(sets))
    sizes = np.diff(half.indptr)
    shared.data = _enough(shared.data, sizes[shared.indices]).astype(np.float32)
    shared.eliminate_zeros()
    grown = csr_array(sets + shared @ half)
    grown.data[:] = 1
    return grown


def _with_kernel(sets: csr_array, vectors: Embeddings) -> csr_array:
    """exp(−‖x − y‖²) in place of the ones."""
    of = np.repeat(np.arange(len(vectors)), np.diff(sets.indptr))
    data = np.empty(sets.nnz, dtype=np.float32)
    for start in range(0, sets.nnz, _BLOCK):
        pairs = slice(start, start + _BLOCK)
        cosines = np.einsum("pd,pd->p", vectors[of[pairs]], vectors[sets.indices[pairs]])
        data[pairs] = np.exp(2 * cosines - 2)
    return csr_array((data, sets.indices, sets.indptr), shape=sets.shape)


def _scaled_rows(matrix: csr_array) -> csr_array:
    """Rows that add up to 1."""
    totals = np.add.reduceat(matrix.data, matrix.indptr[:-1]) if matrix.nnz else matrix.data  # no row is empty
    data = matrix.data / np.repeat(totals, np.diff(matrix.indptr))
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _averaging(rows: NDArray[np.int32]) -> csr_array:
    """Sparse (N, N) whose product with weights averages them over each image and its neighbours (N, k)."""
    n, k = rows.shape
    members = np.concatenate([np.arange(n, dtype=np.int32)[:, None], rows], axis=1)
    share = np.full(members.size, 1 / (k + 1), dtype=np.float32)
    return csr_array((share, members.ravel(), np.arange(n + 1) * (k + 1)), shape=(n, n))
