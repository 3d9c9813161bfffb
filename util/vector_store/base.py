"""The contract of a store: where spaces (named sets of embeddings with metadata) live.

Every store promises the same, so that changing one URL is all it takes to change the store:

* ids are unique in a space; writing an id again replaces it;
* vectors come in as unit rows (a row of zeros is allowed and similar to nothing) and scores go out as cosine
  similarity in [-1, 1], bigger is more similar;
* a search answers with k *distinct* images in falling score, equal scores ordered by id, fewer than k only when
  fewer are there;
* what ``upsert`` returned from is durable;
* embeddings of another fingerprint or dimension than the space holds are refused.

``tests/contract/test_vector_store.py`` holds every store to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from util.errors import InvalidInputError
from util.records import Embeddings, Metadata, SearchResult, SpaceInfo
from util.vector_store.filters import Where


@dataclass(frozen=True, slots=True)
class StoredImages:
    """A batch of what a store holds.

    Attributes:
        ids: N image ids.
        vectors: float32 (N, D), unit rows.
        metadata: N mappings.
    """

    ids: tuple[str, ...]
    vectors: Embeddings
    metadata: tuple[Metadata, ...]

    def __len__(self) -> int:
        return len(self.ids)


class VectorStore(ABC):
    """A place for spaces. Use as a context manager, or call ``close``."""

    url: str

    @abstractmethod
    def create_space(self, space: SpaceInfo, *, exist_ok: bool = False) -> SpaceInfo:
        """Makes an empty space.

        Args:
            space: its properties; ``count`` is ignored.
            exist_ok: with ``True``, an existing space of the same dimension and fingerprint is returned as it is.

        Returns:
            The space as it now stands.

        Raises:
            SpaceExistsError: if the name is taken (and ``exist_ok`` is false).
            FingerprintMismatchError: if the name is taken by a space of another fingerprint.
        """

    @abstractmethod
    def info(self, space: str) -> SpaceInfo:
        """Properties and current count of a space.

        Raises:
            SpaceNotFoundError: if there is none of this name.
        """

    @abstractmethod
    def list_spaces(self) -> list[SpaceInfo]:
        """All spaces, ordered by name."""

    @abstractmethod
    def drop_space(self, space: str) -> None:
        """Removes a space and everything in it.

        Raises:
            SpaceNotFoundError: if there is none of this name.
        """

    @abstractmethod
    def annotate(self, space: str, attributes: Mapping[str, object]) -> SpaceInfo:
        """Merges JSON values into the space's attributes; ``None`` removes a key."""

    def set_index(self, space: str, index: str, *, search_parameters: str | None = None) -> SpaceInfo:
        """Gives a space another search index, where the store can change it; ``refresh`` builds it at once.

        Args:
            space: name of the space.
            index: name or FAISS factory string.
            search_parameters: how hard it is to search; what was set for the former index is forgotten.

        Raises:
            SpaceNotFoundError: if there is no space of this name.
            InvalidInputError: if there is no such index, or the index of a space is fixed in this store.
        """
        raise InvalidInputError(
            f"the store {self.url.partition(':')[0]} fixes the index of a space when it is made: "
            "index the photos into a new space that is made with another (nearid index --space NEW --index INDEX)"
        )

    @abstractmethod
    def upsert(
        self,
        space: str,
        ids: Sequence[str],
        vectors: Embeddings,
        metadata: Sequence[Metadata],
        *,
        fingerprint: str,
    ) -> None:
        """Writes images, replacing those whose id is there already. All of the batch is checked before any is written.

        A store with transactions writes all of the batch or none of it. A cluster without them may fail half-way and
        says then what is written; writing the batch again does no harm.

        Args:
            space: name of the space.
            ids: N ids; of an id that stands twice in the batch the last one counts.
            vectors: float32 (N, D) unit rows.
            metadata: N mappings.
            fingerprint: of the extractor that made the vectors.

        Raises:
            FingerprintMismatchError: if the space holds another fingerprint.
            DimensionMismatchError: if the vectors have another dimension.
            InvalidInputError: if the lengths differ, a vector is not a finite unit row, an id is empty or metadata
                holds what the store cannot keep.
            PartialWriteError: if the store confirmed some of the images and not the others.
        """

    @abstractmethod
    def get(self, space: str, ids: Sequence[str]) -> StoredImages:
        """The images of these ids, in the order asked for; ids that are not there are left out."""

    @abstractmethod
    def delete(self, space: str, *, ids: Sequence[str] | None = None, where: Where | None = None) -> int:
        """Removes images by id or by filter (exactly one of the two) and says how many.

        Raises:
            InvalidInputError: if neither or both are given.
        """

    @abstractmethod
    def search(
        self,
        space: str,
        vectors: Embeddings,
        k: int,
        *,
        fingerprint: str,
        where: Where | None = None,
        queries: Sequence[str] | None = None,
        with_metadata: bool = True,
    ) -> list[SearchResult]:
        """The k most similar images to each query.

        Args:
            space: name of the space.
            vectors: float32 (Q, D) unit rows.
            k: how many hits a query, at least 1.
            fingerprint: of the extractor that made the query vectors.
            where: only images that match this filter.
            queries: Q names for the results; empty names without it.
            with_metadata: without it the results carry no metadata, which is faster for evaluations.

        Returns:
            Q results, in the order of the queries.

        Raises:
            SpaceNotFoundError: if there is no space of this name.
            FingerprintMismatchError: if the space holds another fingerprint.
            DimensionMismatchError: if the vectors have another dimension.
            InvalidInputError: if k is below 1, the vectors are not finite unit rows or ``queries`` has another length.
        """

    @abstractmethod
    def count(self, space: str, where: Where | None = None) -> int:
        """How many images (that match the filter) the space holds."""

    @abstractmethod
    def iterate(self, space: str, *, where: Where | None = None, batch_size: int = 1000) -> Iterator[StoredImages]:
        """All images (that match the filter) in batches, ordered by id, with flat memory.

        What is written meanwhile may or may not be seen; what was there before and stays is seen exactly once.
        """

    def revision(self, space: str) -> str | None:
        """Names what the space holds now: equal texts, equal images, vectors and metadata.

        Who keeps what was read from a space asks for it before reading, and knows later whether that still holds.

        Returns:
            Any text; ``None`` from a store that cannot tell.

        Raises:
            SpaceNotFoundError: if there is none of this name.
        """
        self.info(space)
        return None

    def refresh(self, space: str) -> None:  # noqa: B027 - optional: a store may keep nothing to refresh
        """Does now what the first search after many writes would otherwise do, such as building an index."""

    def close(self) -> None:  # noqa: B027 - optional: a store may hold nothing open
        """Lets go of files and connections. Calling it twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
