"""Second look: another extractor looks at the first hits, and both opinions count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.image_extract import load
from util.image_extract.base import Extractor
from util.records import SearchResult
from util.rerank._evidence import join_evidence
from util.rerank._limits import require_at_least, require_share
from util.rerank._ordering import head_rescored
from util.rerank.base import GIVEN, HitEvidence, Picture, Pictures, RankedQueries, ReRanker

ExtractorLoader: TypeAlias = Callable[[str], Extractor]
"""From an extractor's name to the extractor; raises what ``util.image_extract.load`` does."""


@dataclass(frozen=True, slots=True)
class SecondOpinion(HitEvidence):
    """What the other extractor says of one hit.

    Attributes:
        extractor: its name.
        cosine: of query and hit in its eyes, in [-1, 1]; ``None`` if a photo could not be read.
        problem: why not; empty where it could.
    """

    extractor: str
    cosine: float | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """One object under the name of the re-ranker."""
        cosine = None if self.cosine is None else round(self.cosine, 6)
        return {"second_look": {"extractor": self.extractor, "cosine": cosine, "problem": self.problem}}


@dataclass(frozen=True, kw_only=True)
class SecondLook(ReRanker):
    """Mixes the score of each of the first hits with the cosine that another extractor finds between the photos.

    The new score is (1 − ``weight``) · score + ``weight`` · cosine: the weighted sum of Fox and Shaw, "Combination of
    multiple searches", TREC-2, 1994. Extractors that go wrong on different photos correct each other: one that was
    trained knows what belongs together, one that describes colours and textures sees which photo looks the same.
    The hits behind the first ``top`` stay behind them as they were, so the other extractor has to see few photos, and
    remembers those it has seen. A hit whose photo cannot be read keeps its score, and its evidence says why.

    Scores are no cosines of one extractor any more: they compare within a query only.

    Attributes:
        extractor: name of the other extractor.
        top: how many hits are looked at.
        weight: of its opinion, in [0, 1].
        load_extractor: finds it by its name.
    """

    name: ClassVar[str] = "second_look"

    extractor: str = "color_texture"
    top: int = 20
    weight: float = 0.9
    load_extractor: ExtractorLoader = field(default=load, repr=False, compare=False, metadata=GIVEN)

    def __post_init__(self) -> None:
        require_at_least(1, top=self.top)
        require_share(weight=self.weight)
        if not self.extractor:
            raise InvalidInputError(f"{self.name} needs the name of an extractor")

    @property
    def needs_pictures(self) -> bool:
        """Always: the other extractor looks at the photos."""
        return True

    @property
    def depth(self) -> int:
        """As many hits as are looked at."""
        return self.top

    def __call__(self, queries: RankedQueries) -> RankedQueries:
        """Looks at the first hits of each query again; see ``ReRanker.__call__``."""
        if queries.pictures is None:
            raise InvalidInputError(f"the re-ranker {self.name!r} looks at photos: the search has to give it some")
        results, evidence = [], []
        for number, result in enumerate(queries.results):
            opinions = self._look(number, result, queries.pictures)
            results.append(head_rescored(result, self._mixed(result, opinions)))
            evidence.append(join_evidence(queries.evidence[number], opinions))
        return queries.replace(results=tuple(results), evidence=tuple(evidence))

    def _mixed(self, result: SearchResult, opinions: Mapping[str, SecondOpinion]) -> list[float]:
        scores = result.scores[: len(opinions)].tolist()
        return [
            score if opinion.cosine is None else (1 - self.weight) * score + self.weight * opinion.cosine
            for score, opinion in zip(scores, opinions.values(), strict=True)
        ]

    def _look(self, number: int, result: SearchResult, pictures: Pictures) -> Mapping[str, SecondOpinion]:
        """Opinions on the first hits, in their order."""
        first = result.ids[: self.top]
        if not first:
            return {}
        try:
            asked = self._embedding(pictures.query(number))
        except ImageError as error:
            return {id_: self._none(f"the query cannot be read: {error}") for id_ in first}
        return {id_: self._opinion(asked, id_, pictures) for id_ in first}

    def _opinion(self, asked: NDArray[np.float32], id_: str, pictures: Pictures) -> SecondOpinion:
        try:
            cosine = float(asked.astype(np.float64) @ self._embedding(pictures.hit(id_)))
        except ImageError as error:
            return self._none(str(error))
        return SecondOpinion(self.extractor, min(1.0, max(-1.0, cosine)))

    def _none(self, problem: str) -> SecondOpinion:
        return SecondOpinion(self.extractor, None, problem)

    def _embedding(self, picture: Picture) -> NDArray[np.float32]:
        """float32 (D,), of unit length."""
        return self.cache.get_or_make(
            ("embedding", picture.key, self._loaded.fingerprint),
            lambda: {"embedding": self._loaded.extract([picture.read()])[0]},
        )["embedding"]

    @cached_property
    def _loaded(self) -> Extractor:
        return self.load_extractor(self.extractor)
