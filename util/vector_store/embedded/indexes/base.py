"""What every index does for the embedded store: propose rows, whose scores are then computed exactly.

An ``IndexKind`` is what a space asks for; a ``BuiltIndex`` is one made from the rows of the space. Neither knows ids,
and neither has to know the latest rows: ``ApproximateSearch`` scans those that came later and passes over those that
went.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

from util.records import Embeddings
from util.vector_store.embedded.cache_file import Cache, CacheUnusableError, open_cache
from util.vector_store.embedded.images import Keys
from util.vector_store.embedded.indexes.search_parameters import SearchParameters
from util.vector_store.embedded.rows import VectorRows

KIND = "built index"
"""What cache files of indexes say they are."""
LEAST_ROWS = 1000
"""A scan of fewer rows than this is quicker than any index."""
LEAST_PROPOSALS = 100
"""Exact scores for more rows than asked for make up for coarse codes, and cost little."""
# An index whose centroids or size were chosen for a space this many times smaller no longer fits it.
_OUTGROWN = 4


class CannotExtendError(Exception):
    """This index takes no further rows: build it again. Never leaves the store."""


class CannotBuildError(Exception):
    """No such index can be made of these rows: search exactly. Never leaves the store."""


class BuiltIndex(ABC):
    """An index over some rows of a space.

    Attributes:
        keys: keys of its rows, in the order of its own numbers for them.
        made_for: how many rows the space had when the index was laid out; 0 where that does not matter.
    """

    def __init__(self, keys: Keys, made_for: int) -> None:
        self.keys, self.made_for = keys, made_for

    @cached_property
    def last_key(self) -> int:
        """The highest of its keys: rows with a higher one came later."""
        return int(self.keys.max())

    def outgrown(self, count: int) -> bool:
        """Whether it should be laid out anew for a space of this many rows."""
        return 0 < _OUTGROWN * self.made_for < count

    @abstractmethod
    def tune(self, parameters: SearchParameters) -> None:
        """Sets how hard it searches; what is not given is chosen.

        Raises:
            InvalidInputError: if this index has no such parameter.
        """

    @abstractmethod
    def propose(self, queries: Embeddings, count: int) -> list[Keys]:
        """Keys of about ``count`` rows near each query; some may have been removed since."""

    def extended(self, rows: VectorRows) -> Self:
        """A copy of the index with the rows that came since.

        Raises:
            CannotExtendError: if this kind of index cannot be copied or added to.
        """
        raise CannotExtendError(f"{type(self).__name__} takes no rows once it is built")

    @abstractmethod
    def write(self, path: Path, header: Mapping[str, object]) -> None:
        """Writes it as a cache file.

        Args:
            path: of the file.
            header: what the file is to say of itself besides.

        Raises:
            OSError: if the disk does not take it.
        """


class IndexKind(ABC):
    """A kind of index as a space asks for it.

    Attributes:
        text: name or factory string, as the user wrote it.
        dimension: of the vectors.
    """

    def __init__(self, text: str, dimension: int) -> None:
        self.text, self.dimension = text, dimension

    @property
    @abstractmethod
    def least_rows(self) -> int:
        """How many rows it needs before it is worth building; until then search is exact."""

    @property
    def proposals(self) -> int:
        """How many rows it proposes where nothing else is asked for."""
        return LEAST_PROPOSALS

    @abstractmethod
    def check(self, parameters: SearchParameters) -> None:
        """Refuses what cannot be made for vectors of this dimension or searched with these parameters.

        Raises:
            InvalidInputError: with the reason.
            IndexUnavailableError: if the library of the index is not installed.
        """

    @abstractmethod
    def build(self, rows: VectorRows) -> BuiltIndex:
        """An index of the rows that are alive, laid out for as many as there are.

        Raises:
            CannotBuildError: if these rows make none, or its library is not installed.
        """

    @abstractmethod
    def read(self, path: Path) -> tuple[BuiltIndex, Mapping[str, object]]:
        """An index from a cache file, and the file's header.

        Raises:
            CacheUnusableError: if there is none, or none that can be used.
        """

    def opened(self, path: Path) -> Cache:
        """The cache file, if it belongs to this kind of index.

        Raises:
            CacheUnusableError: if it is missing, damaged or another's.
        """
        cache = open_cache(path)
        if cache.header.get("kind") != KIND or cache.header.get("factory") != self.text:
            raise CacheUnusableError(f"{path}: belongs to something else")
        return cache
