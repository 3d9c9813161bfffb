"""Ranked relevance: at which places the right images stand, which is all a retrieval measure needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.evaluation.ranking import Ranking, own_images, rank_gallery
from util.records import SearchResult

TieOrder: TypeAlias = Literal["ranked", "worst"]
"""What becomes of hits with equal scores: left as ranked (NearID: by id), or wrong ones put first."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedRelevance:
    """Where relevant images stand in Q rankings of up to K hits.

    Attributes:
        relevant: bool (Q, K), best hit first; whether the hit shows the query's item.
        valid: bool (Q, K), where a hit stands at all: rankings may be shorter than K.
        n_relevant: int64 (Q,), relevant images in the gallery, found or not. 0 excludes the query from every measure.
    """

    relevant: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    n_relevant: NDArray[np.int64]

    def __post_init__(self) -> None:
        relevant, valid, n_relevant = np.array(self.relevant), np.array(self.valid), np.array(self.n_relevant)
        if relevant.ndim != 2 or valid.shape != relevant.shape or n_relevant.shape != relevant.shape[:1]:
            raise InvalidInputError(
                "ranked relevance needs relevant (Q, K), valid (Q, K) and n_relevant (Q,), "
                f"got {relevant.shape}, {valid.shape} and {n_relevant.shape}"
            )
        if relevant.dtype != np.bool_ or valid.dtype != np.bool_ or not np.issubdtype(n_relevant.dtype, np.integer):
            raise InvalidInputError("ranked relevance needs boolean relevant and valid, and whole numbers n_relevant")
        if np.any(valid[:, 1:] & ~valid[:, :-1]) or np.any(relevant & ~valid):
            raise InvalidInputError("ranked relevance has a gap: hits stand first, and only hits are relevant")
        if np.any(relevant.sum(axis=1) > n_relevant):
            raise InvalidInputError("a ranking holds more relevant images than the gallery does")
        for name, array in (("relevant", relevant), ("valid", valid), ("n_relevant", n_relevant.astype(np.int64))):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.n_relevant)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Queries that have something to find, bool (Q,); the measures leave the others out."""
        return self.n_relevant > 0

    @classmethod
    def from_ranking(cls, ranking: Ranking, *, ties: TieOrder = "ranked") -> Self:
        """The relevance of a ranking.

        Args:
            ranking: hits and labels.
            ties: ``worst`` puts, among hits of equal score, the wrong ones before the right ones, so that nothing is
                won by a lucky order of ids. Ties with images beyond the depth of the ranking cannot be seen.

        Raises:
            InvalidInputError: if ``ties`` is something else.
        """
        if ties not in ("ranked", "worst"):
            raise InvalidInputError(f"ties are left as 'ranked' or ordered 'worst' first, not {ties!r}")
        relevant = ranking.relevant
        if ties == "worst":
            relevant = np.take_along_axis(relevant, np.lexsort((relevant, -ranking.scores)), axis=1)
        return cls(relevant, ranking.valid, ranking.n_relevant)

    @classmethod
    def from_results(
        cls,
        results: Sequence[SearchResult],
        query_items: Sequence[str | None],
        gallery_items: Mapping[str, str | None],
        *,
        query_ids: Sequence[str] | None = None,
        excluded: Sequence[Collection[str]] | None = None,
        ties: TieOrder = "ranked",
    ) -> Self:
        """The relevance of search results; with ``query_ids`` no query is ever matched with itself.

        Args:
            results: Q rankings.
            query_items: Q labels; ``None`` excludes the query.
            gallery_items: label of every gallery image by id.
            query_ids: Q ids, where the queries are images of the gallery: each is taken out of its own ranking and
                out of its own ``n_relevant``.
            excluded: Q collections of further gallery ids that must not count, such as copies (``own_images``).
            ties: see ``from_ranking``.

        Raises:
            InvalidInputError: if the lengths differ or a hit is no image of the gallery.

        >>> found = SearchResult("a1", ("a1", "a2"), np.array([1.0, 0.8]))
        >>> RankedRelevance.from_results([found], ["a"], {"a1": "a", "a2": "a"}, query_ids=["a1"]).n_relevant.tolist()
        [1]
        """
        if query_ids is not None:
            if len(query_ids) != len(results):
                raise InvalidInputError(f"{len(results)} search results need as many query ids, got {len(query_ids)}")
            further = excluded if excluded is not None else [()] * len(results)
            if len(further) != len(results):
                raise InvalidInputError(f"{len(results)} search results need as many exclusions, got {len(further)}")
            excluded = [own | set(more) for own, more in zip(own_images(query_ids=query_ids), further, strict=True)]
        return cls.from_ranking(rank_gallery(results, query_items, gallery_items, excluded=excluded), ties=ties)
