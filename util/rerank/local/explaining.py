"""What two photos have in common, and what differs, for a person to see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.rerank.local.alignment import Alignment
from util.rerank.local.differences import DifferenceRegion, difference_map, difference_regions
from util.rerank.local.evidence import MatchEvidence
from util.rerank.local.matcher import Matcher
from util.rerank.local.pixels import fit_within, on_white
from util.rerank.local.verifying import GeometricVerification, View, lay_over, mean_difference, view_of

EXPLAIN_SIDE = 480


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Two photos and what was found between them.

    Attributes:
        query: uint8 H×W×3, RGB, as decoded.
        candidate: uint8 H'×W'×3, RGB, as decoded.
        evidence: matches, motion and the regions that differ most, in pixels of the decoded photos.
        alignment: both in the frame of the query, no side longer than 480 pixels; ``None`` without a motion.
        differences: float32 h×w in [0, 1], of the same frame; ``None`` without a motion.
    """

    query: NDArray[np.uint8]
    candidate: NDArray[np.uint8]
    evidence: MatchEvidence
    alignment: Alignment | None
    differences: NDArray[np.float32] | None

    def to_json(self) -> dict[str, Any]:
        """The evidence as a plain dictionary."""
        return self.evidence.to_json()


def explain(
    query: NDArray[np.uint8],
    candidate: NDArray[np.uint8],
    *,
    matcher: Matcher,
    verification: GeometricVerification | None = None,
) -> Explanation:
    """Matches two photos, lays one over the other and marks where their print differs.

    Args:
        query: uint8 H×W×3 (RGB) or H×W×4 (RGBA).
        candidate: the same, of any size.
        matcher: finds the points.
        verification: how matches become a motion; the usual way without it.
    """
    chosen = replace(verification or GeometricVerification(), compare_print=False)
    first, second = on_white(query), on_white(candidate)
    views = view_of(first, matcher), view_of(second, matcher)
    evidence = chosen.verify(*views, matcher)
    if evidence.model is None:
        return Explanation(first, second, evidence, None, None)
    larger = [
        View(view.description, *fit_within(image, EXPLAIN_SIDE))
        for view, image in zip(views, (first, second), strict=True)
    ]
    laid = lay_over(larger[0], larger[1], evidence.model, evidence.matches.query[evidence.inliers])
    differences = difference_map(laid)
    regions = tuple(_enlarged(region, larger[0].pixel) for region in difference_regions(differences, laid.compared))
    found = replace(evidence, difference=mean_difference(differences, laid), regions=regions)
    return Explanation(first, second, found, laid, differences)


def _enlarged(region: DifferenceRegion, pixel: float) -> DifferenceRegion:
    left, top, right, bottom = (edge * pixel for edge in region.box)
    return DifferenceRegion((left, top, right, bottom), region.score)
