"""Which categories images belong to, by a field of their metadata, and how probable each is for a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from util.records import Metadata, MetadataValue


def category_names(value: MetadataValue) -> tuple[str, ...]:
    """The categories that a field's value names: several where it is a list of tags, none where it is empty.

    Values are compared as they are written, so that ``given=7`` means the number and the label, as in a filter.

    >>> category_names("milk"), category_names(["red", "dented", "red"]), category_names(7.0), category_names(True)
    (('milk',), ('red', 'dented'), ('7',), ('true',))
    >>> category_names(None), category_names("")
    ((), ())
    """
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(filter(None, map(_written, values))))


def _written(value: MetadataValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of the images of a gallery.

    Attributes:
        names: of the C categories, in order.
        member: 0 or 1 (N, C), sparse: which image is of which; rows of images that were not asked about are empty.
        counts: intp (N,), how many categories each image has.
    """

    names: tuple[str, ...]
    member: csr_array
    counts: NDArray[np.intp]

    @classmethod
    def read(cls, metadata: Sequence[Metadata], rows: NDArray[np.intp], field: str) -> Self:
        """Reads them where they are asked for.

        Args:
            metadata: N mappings.
            rows: intp, the distinct images to look at.
            field: of the metadata.
        """
        said = [category_names(metadata[row].get(field)) for row in rows.tolist()]
        counts = np.zeros(len(metadata), np.intp)
        counts[rows] = [len(names) for names in said]
        names = sorted({name for one in said for name in one})
        column = {name: place for place, name in enumerate(names)}
        columns = np.fromiter((column[name] for name in chain.from_iterable(said)), np.intp)
        positions = np.repeat(rows, counts[rows])
        member = csr_array((np.ones(len(columns)), (positions, columns)), shape=(len(metadata), len(names)))
        return cls(tuple(names), member, counts)

    def probabilities(self, rows: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probable each category is after a vote: float64 (C,), summing to 1.

        Args:
            rows: V images that vote, each with at least one category, among which it parts its vote.
            weights: (V,), their weights, summing to 1.
        """
        return np.asarray((weights / self.counts[rows]) @ self.member[rows])

    def certain(self, names: Iterable[str]) -> NDArray[np.float64]:
        """1 for categories that are certain, and 0 for the others: float64 (C,)."""
        wanted = set(names)
        return np.array([name in wanted for name in self.names], dtype=np.float64)

    def agreement(self, rows: NDArray[np.intp], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probable it is that a query is of a category of each image: float64 (K,), 0 for images of none."""
        return np.asarray(np.minimum(self.member[rows] @ probabilities, 1.0))

    def of(self, row: int) -> tuple[str, ...]:
        """The names of one image's categories."""
        start, end = self.member.indptr[row : row + 2]
        return tuple(self.names[column] for column in sorted(self.member.indices[start:end]))
