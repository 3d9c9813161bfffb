"""SAHA: the first hits verified by learned descriptors of SIFT's keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from util.rerank.local.reranking import LocalReRanker
from util.rerank.local.saha import KEYPOINTS, SIDE, SahaMatcher


@dataclass(frozen=True, kw_only=True)
class Saha(LocalReRanker):
    """SIFT, AffNet, HardNet8 and AdaLAM; see ``LocalReRanker`` for the score.

    Attributes:
        top: how many hits are looked at.
        side: photos are shrunk so that no side is longer, in pixels.
        keypoints: at most so many a photo.
        weights_dir: folder with ``AffNet.pth`` and ``hardnet8v2.pt``; torch's cache without it.
    """

    name: ClassVar[str] = "saha"

    top: int = 30
    side: int = SIDE
    keypoints: int = KEYPOINTS
    weights_dir: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.matcher  # refuses options out of range now, not at the first query

    @cached_property
    def matcher(self) -> SahaMatcher:
        """SAHA with these options."""
        return SahaMatcher(side=self.side, keypoints=self.keypoints, weights_dir=self.weights_dir)
