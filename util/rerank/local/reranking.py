"""Re-rank the first hits of a search by what their photos have in common with the query's, point by point."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import exp, log1p

from util.errors import InvalidInputError
from util.rerank._limits import require_at_least
from util.rerank._looking import LookingReRanker
from util.rerank.base import Picture
from util.rerank.local.evidence import MatchEvidence
from util.rerank.local.geometry import Motion
from util.rerank.local.matcher import Matcher
from util.rerank.local.verifying import VIEW_SIDE, GeometricVerification, View, view_of


@dataclass(frozen=True, kw_only=True)
class LocalReRanker(LookingReRanker[View, MatchEvidence]):
    """Adds to the cosine of each of the first hits what its photo has in common with the query's.

    A hit whose n matched points follow one credible motion, and whose print differs from the query's by d in [0, 1] on
    average once both lie on one another, gets ``weight`` · ln(1 + n · exp(−``penalty`` · d)) more; any other gets
    nothing.

    Why so. Near-identical things share most of their points: a sibling carton matches nearly as well as the right one,
    and only where the two *differ* tells them apart, hence the penalty, which cuts the count instead of competing with
    it. The logarithm makes ratios count (80 points against 60 is as clear as 40 against 30), and the cosine breaks what
    is nearly even. Since nothing is ever taken away, hits behind the first ``top``, whose cosines are lower, stay
    behind them in their old order without being looked at, and so does a hit with no points among the first.

    Scores are no cosines any more: they are comparable within a query only. A photo that cannot be read keeps its
    cosine, and its evidence says why.

    Attributes:
        top: how many hits are looked at.
        motion: ``homography`` or ``affine``; see ``util.rerank.local.geometry``.
        tolerance: hundredths of the longer side that a match may be off by.
        min_inliers: matches that a credible motion needs.
        weight: of the evidence beside the cosine.
        penalty: of the difference; 0 leaves the comparison of the print out, which is faster.
    """

    motion: Motion = "homography"
    tolerance: float = 1.5
    min_inliers: int = 8
    weight: float = 1.0
    penalty: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, weight=self.weight, penalty=self.penalty)
        if self.motion not in ("homography", "affine") or self.min_inliers < 4:
            raise InvalidInputError(
                f"{self.name} needs motion=homography or affine and min_inliers from 4, got {self.motion} "
                f"and {self.min_inliers}"
            )
        _ = self.verification  # refuses a tolerance out of range now, not at the first query

    @property
    @abstractmethod
    def matcher(self) -> Matcher:
        """What finds and matches points."""

    @cached_property
    def verification(self) -> GeometricVerification:
        """How a pair is verified."""
        return GeometricVerification(
            motion=self.motion,
            tolerance=self.tolerance,
            min_inliers=self.min_inliers,
            compare_print=self.penalty > 0,
        )

    def rescore(self, score: float, seen: MatchEvidence) -> float:
        """The score before, and what the evidence adds."""
        return score + self.score(seen)

    def score(self, evidence: MatchEvidence) -> float:
        """What a hit gains by its evidence: from 0."""
        return self.weight * log1p(evidence.inlier_count * exp(-self.penalty * (evidence.difference or 0.0)))

    def compare(self, asked: View, candidate: View) -> MatchEvidence:
        """Their matches, and the motion that these follow."""
        return self.verification.verify(asked, candidate, self.matcher)

    def unread(self, problem: str) -> MatchEvidence:
        """No match."""
        return MatchEvidence(problem=problem)

    def view(self, picture: Picture) -> View:
        """The photo's points and a small copy; see ``LookingReRanker.view``."""
        key = (picture.key, VIEW_SIDE, *self.matcher.key)
        return View.from_arrays(
            self.cache.get_or_make(("view", *key), lambda: view_of(picture.read(), self.matcher).to_arrays())
        )
