"""Several re-rankers, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from util.errors import InvalidInputError
from util.rerank._cache import ArrayCache
from util.rerank.base import Gallery, RankedQueries, ReRanker


@dataclass(frozen=True, kw_only=True)
class Chain(ReRanker):
    """Each re-ranker orders what the one before it made, sees its query vectors, and its gallery.

    So ``alpha_qe+diffusion`` walks from the expanded query, and ``dba+alpha_qe`` expands it by augmented vectors.

    Attributes:
        steps: the re-rankers, first to last.
    """

    name: ClassVar[str] = "chain"

    steps: tuple[ReRanker, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise InvalidInputError("a chain needs at least one re-ranker")

    @property
    def depth(self) -> int:
        """That of the step that looks deepest."""
        return max(step.depth for step in self.steps)

    @property
    def needs_gallery(self) -> bool:
        """Whether a step has to see the whole gallery."""
        return any(step.needs_gallery for step in self.steps)

    @property
    def needs_pictures(self) -> bool:
        """Whether a step looks at the photos."""
        return any(step.needs_pictures for step in self.steps)

    @property
    def metadata_fields(self) -> frozenset[str]:
        """What any of the steps reads."""
        return frozenset[str]().union(*(step.metadata_fields for step in self.steps))

    def fit(self, gallery: Gallery) -> Gallery:
        """Fits every step to the gallery as the steps before it leave it."""
        for step in self.steps:
            gallery = step.fit(gallery)
        return gallery

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """The queries after all steps."""
        for step in self.steps:
            queries = step(queries)
        return queries

    def describe(self) -> str:
        """The steps, joined by plus signs."""
        return "+".join(step.describe() for step in self.steps)

    def with_cache(self, cache: ArrayCache) -> Self:
        """The same chain, each of whose steps remembers elsewhere."""
        return replace(self, steps=tuple(step.with_cache(cache) for step in self.steps), cache=cache)
