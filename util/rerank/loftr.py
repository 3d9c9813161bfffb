"""LoFTR: the first hits verified by a network that looks at both photos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from util.rerank.local.loftr import SIDE, LoftrMatcher
from util.rerank.local.reranking import LocalReRanker


@dataclass(frozen=True, kw_only=True)
class Loftr(LocalReRanker):
    """LoFTR's matches; see ``LocalReRanker`` for the score. Seconds a hit on a CPU.

    Attributes:
        side: photos are scaled so that no side is longer, in pixels.
        confidence: smallest confidence of a match, in (0, 1].
        weights_dir: folder with ``loftr_outdoor.ckpt``; torch's cache without it.
    """

    name: ClassVar[str] = "loftr"

    side: int = SIDE
    confidence: float = 0.2
    weights_dir: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.matcher  # refuses options out of range now, not at the first query

    @cached_property
    def matcher(self) -> LoftrMatcher:
        """LoFTR with these options."""
        return LoftrMatcher(side=self.side, confidence=self.confidence, weights_dir=self.weights_dir)
