"""Which categories images belong to, by a field of their metadata, and how probable each is for a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    """The categories of some images of a gallery.

    Attributes:
        names: of the C categories, in order.
        rows: intp (M,), the images, by their rows in the gallery, rising.
        member: 0 or 1 (M, C), sparse: which image is of which category.
    """

    names: tuple[str, ...]
    rows: NDArray[np.intp]
    member: csr_array

    @classmethod
    def read(cls, metadata: Sequence[Metadata], rows: NDArray[np.intp], field: str) -> Self:
        """Reads them where they are asked for.

        Args:
            metadata: of the whole gallery.
            rows: intp (M,), the distinct images to look at, rising.
            field: of the metadata.
        """
        said = [category_names(metadata[row].get(field)) for row in rows.tolist()]
        names = sorted({name for one in said for name in one})
        column = {name: place for place, name in enumerate(names)}
        columns = np.fromiter((column[name] for name in chain.from_iterable(said)), np.intp)
        starts = np.cumsum([0, *map(len, said)])
        member = csr_array((np.ones(len(columns)), columns, starts), shape=(len(rows), len(names)))
        return cls(tuple(names), rows, member)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """How many categories each image has: intp (M,)."""
        return np.diff(self.member.indptr)

    def places(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where images of the gallery stand among those looked at: intp of the same shape."""
        return np.searchsorted(self.rows, rows)

    def probabilities(self, places: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probable each category is after a vote: float64 (C,), summing to 1.

        Args:
            places: V images that vote, each with at least one category, among which it parts its vote.
            weights: (V,), their weights, summing to 1.
        """
        return np.asarray((weights / self.counts[places]) @ self.member[places])

    def certain(self, names: Iterable[str]) -> NDArray[np.float64]:
        """1 for categories that are certain, and 0 for the others: float64 (C,)."""
        wanted = set(names)
        return np.array([name in wanted for name in self.names], dtype=np.float64)

    def agreement(self, places: NDArray[np.intp], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probable it is that a query is of a category of each image: float64 (K,), 0 for images of none."""
        return np.asarray(np.minimum(self.member[places] @ probabilities, 1.0))

    def of(self, place: int) -> tuple[str, ...]:
        """The names of one image's categories."""
        start, end = self.member.indptr[place : place + 2]
        return tuple(self.names[column] for column in sorted(self.member.indices[start:end]))
