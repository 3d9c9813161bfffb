"""Rows of a sparse matrix, taken at query time without touching the rest of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from util.rerank._folder import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """The parts of a matrix in CSR form, as plain arrays.

    SciPy's own matrices check and convert what they are made of, which at a query would take longer than its answer.

    Attributes:
        data: float32 (Z,), the numbers, row after row.
        indices: int32 (Z,), their columns.
        indptr: int64 (N + 1,), where the rows begin.
    """

    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]

    @classmethod
    def of(cls, matrix: csr_array) -> Self:
        """Those of a SciPy matrix."""
        return cls(
            matrix.data.astype(np.float32, copy=False),
            matrix.indices.astype(np.int32, copy=False),
            matrix.indptr.astype(np.int64, copy=False),
        )

    @classmethod
    def from_arrays(cls, arrays: Arrays, name: str) -> Self:
        """What ``to_arrays`` made."""
        return cls(arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"])

    def to_arrays(self, name: str) -> Arrays:
        """As arrays whose names begin with a name."""
        return {f"{name}.data": self.data, f"{name}.indices": self.indices, f"{name}.indptr": self.indptr}

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many numbers each row holds, int64 (N,)."""
        return np.diff(self.indptr)

    def take(self, rows: NDArray[np.integer]) -> SparseRows:
        """Some rows, in the order asked for.

        >>> matrix = SparseRows.of(csr_array(np.array([[1, 0], [2, 3]], np.float32)))
        >>> matrix.take(np.array([1])).data
        array([2., 3.], dtype=float32)
        """
        starts = self.indptr[rows]
        sizes = self.indptr[rows + 1] - starts
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], sizes)
        return SparseRows(self.data[places], self.indices[places], indptr)
