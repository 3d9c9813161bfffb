"""Do two photos show the same surface? Matches, the motion they follow, and how different the print is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.alignment import Alignment, align
from util.rerank.local.differences import difference_map
from util.rerank.local.evidence import MatchEvidence
from util.rerank.local.features import Points
from util.rerank.local.geometry import Estimator, Motion, fit_model
from util.rerank.local.matcher import Description, Matcher
from util.rerank.local.pixels import fit_within, on_white

VIEW_SIDE = 128
"""Pixels of the longer side of the copies whose print is compared when many candidates are scored."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is kept of a photo, so that it need not be decoded again.

    Attributes:
        description: the matcher's.
        small: uint8 h×w×3, RGB, no side longer than ``VIEW_SIDE``.
        pixel: what a pixel of ``small`` measures in the decoded photo.
    """

    description: Description
    small: NDArray[np.uint8]
    pixel: float

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name, as a cache keeps them."""
        return {**self.description, "view": self.small, "pixel": np.array(self.pixel)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> View:
        """What ``to_arrays`` made."""
        description = {name: array for name, array in arrays.items() if name not in ("view", "pixel")}
        return cls(description, arrays["view"], float(arrays["pixel"]))


def view_of(image: NDArray[np.uint8], matcher: Matcher) -> View:
    """What is kept of a photo: uint8 H×W×3 (RGB) or H×W×4 (RGBA)."""
    opaque = on_white(image)
    return View(matcher.describe(opaque), *fit_within(opaque, VIEW_SIDE))


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricVerification:
    """How a pair is verified.

    Attributes:
        motion: ``homography`` or ``affine``.
        estimator: ``magsac`` or ``ransac``.
        tolerance: in hundredths of the candidate's longer side: how far a match may be from where the motion puts it.
        min_inliers: matches that a credible motion needs.
        compare_print: whether the photos are laid over one another, and how different they are is measured.
    """

    motion: Motion = "homography"
    estimator: Estimator = "magsac"
    tolerance: float = 1.5
    min_inliers: int = 8
    compare_print: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.tolerance <= 10:
            raise InvalidInputError(
                f"the tolerance is in hundredths of the longer side, above 0 and up to 10, not {self.tolerance}"
            )

    def verify(self, query: View, candidate: View, matcher: Matcher) -> MatchEvidence:
        """What speaks for both photos showing the same surface."""
        matches = matcher.match(query.description, candidate.description)
        longest = max(candidate.small.shape[:2]) * candidate.pixel
        fitted = fit_model(
            matches.query,
            matches.candidate,
            motion=self.motion,
            estimator=self.estimator,
            tolerance=self.tolerance / 100 * longest,
            min_inliers=self.min_inliers,
        )
        if fitted is None:
            return MatchEvidence(matches, np.zeros(len(matches), dtype=bool))
        if not self.compare_print:
            return MatchEvidence(matches, fitted.inliers, fitted.matrix)
        laid = lay_over(query, candidate, fitted.matrix, matches.query[fitted.inliers])
        return MatchEvidence(matches, fitted.inliers, fitted.matrix, mean_difference(difference_map(laid), laid))


def lay_over(query: View, candidate: View, model: NDArray[np.float64], points: Points) -> Alignment:
    """The small copies of two photos in the frame of the query's.

    Args:
        query: of the query.
        candidate: of the candidate.
        model: float64 (3, 3), the motion from decoded query to decoded candidate pixels.
        points: (N, 2) pixels of the decoded query that follow it.
    """
    matrix = np.linalg.inv(_enlarging(candidate.pixel)) @ model @ _enlarging(query.pixel)
    return align(query.small, candidate.small, matrix, ((points + 0.5) / query.pixel - 0.5).astype(np.float32))


def mean_difference(differences: NDArray[np.float32], laid: Alignment) -> float:
    """Mean over what is compared, by trust; 1 where nothing is: nothing seen speaks for nothing."""
    trusted = float(laid.trust.sum(dtype=np.float64))
    return min(float(differences.sum(dtype=np.float64)) / trusted, 1.0) if trusted else 1.0


def _enlarging(pixel: float) -> NDArray[np.float64]:
    """From pixels of a small copy to those of the photo; corners lie on corners."""
    shift = (pixel - 1) / 2
    return np.array([[pixel, 0, shift], [0, pixel, shift], [0, 0, 1]])
