"""What was found between two photos, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.base import HitEvidence
from util.rerank.local.differences import DifferenceRegion
from util.rerank.local.matcher import NO_POINTS, Correspondences


@dataclass(frozen=True, slots=True, eq=False)
class MatchEvidence(HitEvidence):
    """Which points of a query and a candidate match, by what motion, and how different the matched surface is.

    Attributes:
        matches: the points that look alike.
        inliers: bool (N,), which of them follow the motion.
        model: float64 (3, 3), the motion from query to candidate pixels; ``None`` where none is credible.
        difference: mean difference of the print over the matched surface, in [0, 1]; ``None`` without a model or where
            it was not asked for.
        regions: the places that differ most, largest first, in query pixels; filled in by ``explain``.
        problem: why the photos could not be compared; empty where they were.
    """

    matches: Correspondences = field(default_factory=lambda: Correspondences(NO_POINTS, NO_POINTS))
    inliers: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    model: NDArray[np.float64] | None = None
    difference: float | None = None
    regions: tuple[DifferenceRegion, ...] = ()
    problem: str = ""

    def __post_init__(self) -> None:
        if self.inliers.shape != (len(self.matches),):
            raise InvalidInputError(f"{len(self.matches)} matches need as many inlier marks, got {self.inliers.shape}")
        if self.model is None and self.inliers.any():
            raise InvalidInputError("matches cannot follow a motion that is not there")
        if self.model is not None and self.model.shape != (3, 3):
            raise InvalidInputError(f"a motion is a matrix (3, 3), got {self.model.shape}")
        if self.difference is not None and not 0 <= self.difference <= 1:
            raise InvalidInputError(f"a difference lies in [0, 1], not at {self.difference}")
        for array in (self.matches.query, self.matches.candidate, self.inliers, self.model):
            if array is not None:
                array.flags.writeable = False

    @property
    def problems(self) -> tuple[str, ...]:
        """The problem, if there is one."""
        return (self.problem,) if self.problem else ()

    @property
    def inlier_count(self) -> int:
        """How many matches follow the motion."""
        return int(np.count_nonzero(self.inliers))

    @property
    def words(self) -> str:
        """What was found, in one line.

        >>> MatchEvidence().words
        'no credible match: of 0 pairs of points too few follow one motion'
        """
        if self.problem:
            return f"not compared: {self.problem}"
        if self.model is None:
            return f"no credible match: of {len(self.matches)} pairs of points too few follow one motion"
        words = f"{self.inlier_count} of {len(self.matches)} pairs of points follow one motion"
        return words if self.difference is None else f"{words}; print differs by {self.difference:.0%} on average"

    def to_json(self) -> dict[str, Any]:
        """The points that follow the motion, the motion, and where the two differ."""
        return {
            "matches": len(self.matches),
            "inliers": self.inlier_count,
            "model": None if self.model is None else self.model.tolist(),
            "difference": None if self.difference is None else round(self.difference, 6),
            "query_points": np.round(self.matches.query[self.inliers].astype(float), 2).tolist(),
            "candidate_points": np.round(self.matches.candidate[self.inliers].astype(float), 2).tolist(),
            "regions": [
                {"box": [round(edge, 1) for edge in region.box], "score": round(region.score, 6)}
                for region in self.regions
            ],
            "problem": self.problem,
        }
