"""SIFT: the first hits verified by matching their details with the query's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from util.rerank.local.matching import RATIO
from util.rerank.local.reranking import LocalReRanker
from util.rerank.local.sift import KEYPOINTS, SIDE, SiftMatcher


@dataclass(frozen=True, kw_only=True)
class Sift(LocalReRanker):
    """SIFT features with RootSIFT descriptors, mutual neighbours, MAGSAC++; see ``LocalReRanker`` for the score.

    Needs no weights. For things with print; plain fruit has nothing to match.

    Attributes:
        side: photos are shrunk so that no side is longer, in pixels.
        keypoints: at most so many a photo.
        ratio: of the ratio test, in (0, 1].
        adalam: whether neighbours are filtered by AdaLAM in place of the ratio test.
    """

    name: ClassVar[str] = "sift"

    side: int = SIDE
    keypoints: int = KEYPOINTS
    ratio: float = RATIO
    adalam: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.matcher  # refuses options out of range now, not at the first query

    @cached_property
    def matcher(self) -> SiftMatcher:
        """SIFT with these options."""
        return SiftMatcher(side=self.side, keypoints=self.keypoints, ratio=self.ratio, adalam=self.adalam)
