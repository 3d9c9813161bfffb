"""The vectors of a space in memory: one matrix in (at most) two pieces, of which each search sees one frozen state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.records import Embeddings
from util.vector_store.embedded.images import Keys

Positions = NDArray[np.intp]
"""Places of rows in the matrix, ascending."""

_BLOCK = 4096


@dataclass(frozen=True)
class VectorRows:
    """The rows of a space at one change, in the order of their keys. Rows that were removed stay, marked as dead.

    Attributes:
        change: number of the change it shows.
        keys: int64 (N,), ascending.
        pieces: float32 (N₁, D), (N₂, D) …, which make N rows together.
        dead: positions of the removed rows, ascending.
    """

    change: int
    keys: Keys
    pieces: tuple[Embeddings, ...]
    dead: Positions

    @property
    def count(self) -> int:
        """How many rows are alive."""
        return len(self.keys) - len(self.dead)

    @property
    def dimension(self) -> int:
        """How many numbers a row has."""
        return int(self.pieces[0].shape[1])

    @property
    def last_key(self) -> int:
        """The highest key seen, 0 where there is none."""
        return int(self.keys[-1]) if len(self.keys) else 0

    @cached_property
    def alive(self) -> Positions:
        """Positions of the rows that are alive."""
        return np.delete(np.arange(len(self.keys)), self.dead)

    def positions(self, keys: Keys) -> Positions:
        """Positions of those keys that are here and alive, ascending."""
        keys = np.sort(keys)
        places = np.searchsorted(self.keys, keys)
        here = places < len(self.keys)
        here[here] = self.keys[places[here]] == keys[here]
        places = places[here]
        return np.setdiff1d(places, self.dead, assume_unique=True) if len(self.dead) else places

    def take(self, positions: Positions) -> Embeddings:
        """The vectors at some positions, copied."""
        taken = np.empty((len(positions), self.dimension), dtype=np.float32)
        start = 0
        for piece in self.pieces:
            inside = (positions >= start) & (positions < start + len(piece))
            if inside.all():
                return piece[positions - start]
            taken[inside] = piece[positions[inside] - start]
            start += len(piece)
        return taken

    def only(self, positions: Positions) -> VectorRows:
        """The same rows with all dead but some, which are alive."""
        dead = np.delete(np.arange(len(self.keys)), positions)
        return VectorRows(self.change, self.keys, self.pieces, dead)

    def products(self, queries: Embeddings, size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Inner products of queries with all rows, a number of rows at a time.

        Args:
            queries: float32 (Q, D).
            size: how many rows at a time.

        Yields:
            The position of the first of some rows, and float32 (Q, rows); ``-inf`` for the dead.
        """
        start = 0
        for piece in self.pieces:
            for first in range(0, len(piece), size):
                part = piece[first : first + size]
                products = np.dot(part, queries[0])[np.newaxis] if len(queries) == 1 else queries @ part.T
                low, high = np.searchsorted(self.dead, [start, start + len(part)])
                products[:, self.dead[low:high] - start] = -np.inf
                yield start, products
                start += len(part)

    def after(self, key: int) -> tuple[VectorRows, int]:
        """The rows with a higher key, not copied, and the position of the first of them."""
        start = int(np.searchsorted(self.keys, key, side="right"))
        pieces = []
        skipped = start
        for piece in self.pieces:
            pieces.append(piece[min(skipped, len(piece)) :])
            skipped -= min(skipped, len(piece))
        dead = self.dead[np.searchsorted(self.dead, start) :] - start
        return VectorRows(self.change, self.keys[start:], tuple(pieces), dead), start

    def blocks(self) -> Iterator[tuple[Keys, Embeddings]]:
        """Keys and vectors of the rows that are alive, block by block."""
        for start in range(0, len(self.alive), _BLOCK):
            positions = self.alive[start : start + _BLOCK]
            yield self.keys[positions], self.take(positions)


class GrowingArray:
    """An array that rows are appended to. What ``rows`` returned before stays as it was.

    Args:
        shape: shape of one row.
        dtype: of its numbers.
        capacity: how many rows to make room for.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic], *, capacity: int = 0) -> None:
        self._buffer: NDArray[Any] = np.empty((capacity, *shape), dtype=dtype)
        self._length = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Adds rows at the end; the room is doubled when it runs out."""
        end = self._length + len(rows)
        if end > len(self._buffer):
            larger = np.empty((max(end, 2 * len(self._buffer)), *self._buffer.shape[1:]), dtype=self._buffer.dtype)
            larger[: self._length] = self._buffer[: self._length]
            self._buffer = larger
        self._buffer[self._length : end] = rows
        self._length = end

    @property
    def rows(self) -> NDArray[Any]:
        """A view of all rows so far."""
        return self._buffer[: self._length]
