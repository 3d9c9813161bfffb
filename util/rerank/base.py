"""The contract of a re-ranker: ranked queries in, the same queries in a better order out.

Every re-ranker promises the same, so that they can be chained and exchanged:

* it needs no truth about the queries and keeps every id: what goes in comes out, in another order (who wants k hits
  searches deeper than k, re-ranks, and cuts afterwards);
* the answer to a query does not depend on the other queries of the batch, nor on the order in which hits of equal score
  come in; equal scores come out ordered by id;
* scores compare within one result only, bigger is more similar. Where a re-ranker's score is still a cosine its
  docstring says so; what it is otherwise, too;
* what is expensive and rests on the gallery alone happens in ``fit``, once for each content of the gallery;
* it runs on the CPU.

``tests/contract/test_rerankers.py`` holds every re-ranker to it. A new re-ranker is one file in this folder, called as
the re-ranker is, that defines one frozen dataclass derived from :class:`ReRanker`; its fields are its options. Files
that begin with an underscore, and the sub-package ``local``, hold what re-rankers are made of.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.records import Embeddings, Metadata, SearchResult
from util.rerank._cache import ArrayCache
from util.rerank._ordering import ties_by_id


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images that queries are ranked against.

    Attributes:
        ids: N distinct image ids.
        vectors: float32 (N, D), unit rows or zeros.
        fingerprint: of the extractor that made the vectors, where known.
        metadata: N mappings, or none where no re-ranker reads them.

    Raises:
        InvalidInputError: if there are not as many vectors or mappings as ids, or an id stands twice.
    """

    ids: tuple[str, ...]
    vectors: Embeddings
    fingerprint: str = ""
    metadata: tuple[Metadata, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(self.ids))
        object.__setattr__(self, "vectors", np.ascontiguousarray(self.vectors, dtype=np.float32))
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids):
            raise InvalidInputError(
                f"a gallery of {len(self.ids)} ids needs as many vectors (N, D), got shape {self.vectors.shape}"
            )
        object.__setattr__(self, "metadata", tuple(self.metadata))
        if self.metadata and len(self.metadata) != len(self.ids):
            raise InvalidInputError(
                f"a gallery of {len(self.ids)} ids needs as many metadata rows, or none, got {len(self.metadata)}"
            )
        if len(self.position) != len(self.ids):
            raise InvalidInputError("an id stands twice in the gallery")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Row of each id."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    @cached_property
    def digest(self) -> str:
        """sha256 of fingerprint, ids and vectors: what was learned from these is remembered under it."""
        content = hashlib.sha256(repr((self.fingerprint, self.vectors.shape, self.ids)).encode())
        content.update(self.vectors.data)
        return content.hexdigest()

    def with_vectors(self, vectors: Embeddings, *, how: str) -> Gallery:
        """The same images with other vectors.

        Args:
            vectors: float32 (N, D'), unit rows or zeros.
            how: says with what parameters they were made of this gallery and nothing else; equal texts, equal vectors.
        """
        if vectors.shape[:1] != self.vectors.shape[:1]:
            raise InvalidInputError(f"a gallery of {len(self)} images needs as many vectors, got {vectors.shape}")
        changed = copy(self)  # ids and positions are shared: at every query they would be made anew
        object.__setattr__(changed, "vectors", np.ascontiguousarray(vectors, dtype=np.float32))
        changed.__dict__["digest"] = hashlib.sha256(repr((self.digest, how)).encode()).hexdigest()
        return changed


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo that may be looked at.

    Attributes:
        name: what messages call it.
        key: sha256 of the file's bytes (or pixels): features found in it are remembered under this.
        read: decodes it to uint8 H×W×3, RGB, upright; raises ``ImageError`` if that fails.
    """

    name: str
    key: str
    read: Callable[[], NDArray[np.uint8]]


class Pictures(Protocol):
    """Where re-rankers that compare pixels find them; nothing is read before it is asked for."""

    def query(self, number: int) -> Picture:
        """The photo of a query, by its place among the queries.

        Raises:
            ImageError: if its bytes cannot be read.
        """

    def hit(self, id_: str) -> Picture:
        """The photo of a gallery image.

        Raises:
            ImageError: if its bytes cannot be read.
        """


class HitEvidence(ABC):
    """Why a re-ranker put a hit where it stands: matched points, inliers and the like."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why something that had to be looked at could not be; nothing where all went well."""
        return ()

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""


@dataclass(frozen=True, eq=False)
class RankedQueries:
    """Queries with what they found: the value that travels through a chain of re-rankers.

    Attributes:
        results: Q rankings; put in order of falling score, equal scores by id, when this is made.
        vectors: float32 (Q, D), the queries as the next re-ranker is to see them: query expansion moves them.
        gallery: holds at least every hit; the whole space for re-rankers with ``needs_gallery``.
        pictures: the photos, for re-rankers that look at them.
        evidence: one mapping a query from hit to what was seen; no entry where a hit was not looked at.
        query_metadata: what is known of each query beside its photo, or nothing: only evaluations have it.

    Raises:
        InvalidInputError: if the lengths or dimensions differ, or a hit is not in the gallery.
    """

    results: tuple[SearchResult, ...]
    vectors: Embeddings
    gallery: Gallery
    pictures: Pictures | None = None
    evidence: tuple[Mapping[str, HitEvidence], ...] = ()
    query_metadata: tuple[Metadata, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", tuple(ties_by_id(result) for result in self.results))
        object.__setattr__(self, "vectors", np.ascontiguousarray(self.vectors, dtype=np.float32))
        expected = (len(self.results), self.gallery.vectors.shape[1])
        if self.vectors.shape != expected:
            raise InvalidInputError(f"the queries need vectors of shape {expected}, got {self.vectors.shape}")
        evidence = tuple(self.evidence) or ({},) * len(self.results)
        if len(evidence) != len(self.results):
            raise InvalidInputError(f"{len(self.results)} queries need as many evidences, got {len(evidence)}")
        object.__setattr__(self, "evidence", evidence)
        object.__setattr__(self, "query_metadata", tuple(self.query_metadata))
        if self.query_metadata and len(self.query_metadata) != len(self.results):
            raise InvalidInputError(
                f"{len(self.results)} queries need as many metadata rows, or none, got {len(self.query_metadata)}"
            )
        for result in self.results:
            missing = [id_ for id_ in result.ids if id_ not in self.gallery.position]  # a set would visit all keys
            if missing:
                raise InvalidInputError(
                    f"query {result.query!r} found {min(missing)!r}, whose vector is not in the gallery"
                )

    def __len__(self) -> int:
        return len(self.results)

    def rows(self, number: int) -> NDArray[np.intp]:
        """Rows of a query's K hits in the gallery, best first: intp (K,)."""
        ids = self.results[number].ids
        return np.fromiter(map(self.gallery.position.__getitem__, ids), np.intp, len(ids))

    def replace(self, **changes: Any) -> RankedQueries:
        """The same with other results, vectors, gallery, evidence or what is known of the queries."""
        return replace(self, **changes)


GIVEN: Mapping[str, bool] = {"given": True}
"""Metadata of a field that the program fills in: what a user writes sets the options, which are all the others."""


@dataclass(frozen=True, kw_only=True)
class ReRanker(ABC):
    """Orders what queries found anew.

    Attributes:
        name: that of its file; what ``build_reranker`` takes.
        cache: where what is learned from a gallery or a picture is kept; in memory unless it has a folder.
    """

    name: ClassVar[str]

    cache: ArrayCache = field(default_factory=ArrayCache, repr=False, compare=False, metadata=GIVEN)

    @property
    def steps(self) -> tuple[ReRanker, ...]:
        """The re-rankers it consists of, first to last: itself, unless it is a chain."""
        return (self,)

    @property
    def needs_gallery(self) -> bool:
        """Whether it has to see the vectors of the whole gallery, not only those of the hits."""
        return False

    @property
    def needs_pictures(self) -> bool:
        """Whether it looks at the photos."""
        return False

    @property
    def metadata_fields(self) -> frozenset[str]:
        """The fields of the gallery's metadata that it reads; its gallery has to bring metadata if there are any."""
        return frozenset()

    @property
    def depth(self) -> int:
        """How many hits a query it would like to see; more are re-ranked too, and fewer do no harm."""
        return 100

    @abstractmethod
    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """The queries with their hits in the new order.

        Args:
            queries: Q rankings of any depth, empty ones included.

        Returns:
            The same ids for every query, re-ordered and with new scores.

        Raises:
            InvalidInputError: if pictures or metadata are needed and there are none.
        """

    def fit(self, gallery: Gallery) -> Gallery:
        """Does the expensive part that rests on the gallery alone, so that the first query does not wait for it.

        Calling it is optional, and again for the same content is free.

        Returns:
            The gallery as the next re-ranker of a chain will see it; the same one for most.
        """
        return gallery

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """The options that a user may set."""
        return tuple(option.name for option in fields(cls) if option.init and not option.metadata.get("given"))

    def options(self) -> dict[str, Any]:
        """The values of its options by name."""
        return {name: getattr(self, name) for name in self.option_names()}

    def describe(self) -> str:
        """Name and options as ``build_reranker`` reads them; equal texts mean equal answers."""
        options = ",".join(f"{name}={value}" for name, value in self.options().items() if value is not None)
        return f"{self.name}:{options}" if options else self.name

    def __str__(self) -> str:
        return self.describe()

    def with_cache(self, cache: ArrayCache) -> Self:
        """The same re-ranker, remembering elsewhere."""
        return replace(self, cache=cache)
