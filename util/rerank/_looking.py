"""What re-rankers share that look at the photos of the first hits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from util.errors import ImageError, InvalidInputError
from util.records import SearchResult
from util.rerank._evidence import join_evidence
from util.rerank._limits import require_at_least
from util.rerank._ordering import head_rescored
from util.rerank.base import HitEvidence, Picture, Pictures, RankedQueries, ReRanker

Seen = TypeVar("Seen")
Found = TypeVar("Found", bound=HitEvidence)


@dataclass(frozen=True, kw_only=True)
class LookingReRanker(ReRanker, Generic[Seen, Found]):
    """Compares the query's photo with those of the first hits, which it orders anew; the hits behind stay as they were.

    A photo that cannot be read is no reason to stop: the evidence of its hit says why.

    Attributes:
        top: how many hits are looked at.
    """

    top: int = 20

    def __post_init__(self) -> None:
        require_at_least(1, top=self.top)

    @property
    def needs_pictures(self) -> bool:
        """Always."""
        return True

    @property
    def depth(self) -> int:
        """As many hits as are looked at."""
        return self.top

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Looks at the first hits of each query, and orders them anew; see ``ReRanker.__call__``."""
        if queries.pictures is None:
            raise InvalidInputError(f"the re-ranker {self.name!r} looks at photos: the search has to give it some")
        results, evidence = [], []
        for number, result in enumerate(queries.results):
            found = self._look(number, result, queries.pictures)
            scores = result.scores[: len(found)].tolist()
            rescored = [self.rescore(score, seen) for score, seen in zip(scores, found.values(), strict=True)]
            results.append(head_rescored(result, rescored))
            evidence.append(join_evidence(queries.evidence[number], found))
        return queries.replace(results=tuple(results), evidence=tuple(evidence))

    @abstractmethod
    def view(self, picture: Picture) -> Seen:
        """What is kept of a photo; asking for it beforehand saves the first query the time.

        Raises:
            ImageError: if it has to be read and cannot be.
        """

    @abstractmethod
    def compare(self, asked: Seen, candidate: Seen) -> Found:
        """What the query's photo and a hit's have to do with each other."""

    @abstractmethod
    def unread(self, problem: str) -> Found:
        """The evidence of photos that could not be compared."""

    @abstractmethod
    def rescore(self, score: float, seen: Found) -> float:
        """The new score of a hit by its score before and what was seen; that before, where nothing was."""

    def _look(self, number: int, result: SearchResult, pictures: Pictures) -> Mapping[str, Found]:
        """Evidence of the first hits, in their order."""
        first = result.ids[: self.top]
        if not first:
            return {}
        try:
            asked = self.view(pictures.query(number))
        except ImageError as error:
            return {id_: self.unread(f"the query cannot be read: {error}") for id_ in first}
        return {id_: self._compared(asked, id_, pictures) for id_ in first}

    def _compared(self, asked: Seen, id_: str, pictures: Pictures) -> Found:
        try:
            candidate = self.view(pictures.hit(id_))
        except ImageError as error:
            return self.unread(str(error))
        return self.compare(asked, candidate)
