"""Second look: another extractor looks at the first hits, and both opinions count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.image_extract import load
from util.image_extract.base import Extractor
from util.rerank._limits import require_share
from util.rerank._looking import LookingReRanker
from util.rerank.base import GIVEN, HitEvidence, Picture

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

    @property
    def problems(self) -> tuple[str, ...]:
        """The problem, if there is one."""
        return (self.problem,) if self.problem else ()

    def to_json(self) -> dict[str, Any]:
        """One object under the name of the re-ranker."""
        cosine = None if self.cosine is None else round(self.cosine, 6)
        return {"second_look": {"extractor": self.extractor, "cosine": cosine, "problem": self.problem}}


@dataclass(frozen=True, kw_only=True)
class SecondLook(LookingReRanker[NDArray[np.float32], SecondOpinion]):
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
        super().__post_init__()
        require_share(weight=self.weight)
        if not self.extractor:
            raise InvalidInputError(f"{self.name} needs the name of an extractor")

    def rescore(self, score: float, seen: SecondOpinion) -> float:
        """The weighted mean of both opinions."""
        return score if seen.cosine is None else (1 - self.weight) * score + self.weight * seen.cosine

    def view(self, picture: Picture) -> NDArray[np.float32]:
        """The photo's embedding: float32 (D,), of unit length; see ``LookingReRanker.view``."""
        return self.cache.get_or_make(
            ("embedding", picture.key, self._loaded.fingerprint),
            lambda: {"embedding": self._loaded.extract([picture.read()])[0]},
        )["embedding"]

    def compare(self, asked: NDArray[np.float32], candidate: NDArray[np.float32]) -> SecondOpinion:
        """Their cosine."""
        cosine = float(asked.astype(np.float64) @ candidate)
        return SecondOpinion(self.extractor, min(1.0, max(-1.0, cosine)))

    def unread(self, problem: str) -> SecondOpinion:
        """No opinion."""
        return SecondOpinion(self.extractor, None, problem)

    @cached_property
    def _loaded(self) -> Extractor:
        return self.load_extractor(self.extractor)
