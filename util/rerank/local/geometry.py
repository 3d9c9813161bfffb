"""Does one plane motion explain the matches? A model fitted robustly, and refused where no camera could make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.features import Points

Motion: TypeAlias = Literal["homography", "affine"]
Estimator: TypeAlias = Literal["magsac", "ransac"]
MOTIONS: tuple[Motion, ...] = ("homography", "affine")

_ITERATIONS = 2000
_CONFIDENCE = 0.995
_LARGEST_ZOOM = 6.0  # a thing that is six times as large in one photo as in the other shares no detail with it
_LARGEST_STRETCH = 6.0  # seen at 80 degrees from the side a plane shrinks by six
_SEEDED = 1


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A motion from query to candidate and the matches that follow it.

    Attributes:
        matrix: float64 (3, 3), maps homogeneous query pixels to candidate pixels.
        inliers: bool (N,), which of the N matches it was fitted to follow it.
    """

    matrix: NDArray[np.float64]
    inliers: NDArray[np.bool_]


def fit_model(
    query: Points,
    candidate: Points,
    *,
    motion: Motion = "homography",
    estimator: Estimator = "magsac",
    tolerance: float = 4.0,
    min_inliers: int = 8,
) -> FittedModel | None:
    """The plane motion that most matches follow, or ``None`` where none is credible.

    MAGSAC++ weighs residuals instead of cutting them at the tolerance (D. Barath et al., "MAGSAC++, a fast, reliable
    and accurate robust estimator", CVPR 2020). The random draws are seeded: equal matches give an equal model.

    Refused as degenerate is what no photo of the same printed surface shows: mirror images, a zoom or a stretch of
    more than six, a horizon running through the matched points, and models that rest on fewer than ``min_inliers``
    different places in either image.

    Args:
        query: float32 (N, 2) pixels.
        candidate: float32 (N, 2) pixels, row by row the match of ``query``.
        motion: ``homography`` (a plane seen by two cameras) or ``affine`` (a small or distant one).
        estimator: ``magsac``, or plain ``ransac``.
        tolerance: distance in candidate pixels within which a match follows the model.
        min_inliers: matches that a credible model needs, at least 4.

    Raises:
        InvalidInputError: if an option is out of range or the points do not belong together.
    """
    _require_usable(query, candidate, motion=motion, estimator=estimator, tolerance=tolerance, min_inliers=min_inliers)
    if len(query) < min_inliers:
        return None
    matrix = _estimate(query, candidate, motion, estimator, tolerance)
    if matrix is None or not np.all(np.isfinite(matrix)):
        return None
    inliers = _residuals(matrix, query, candidate) <= tolerance
    if min(_places(query[inliers]), _places(candidate[inliers])) < min_inliers:
        return None
    if not is_credible(matrix, query[inliers]):
        return None
    return FittedModel(matrix, inliers)


def project(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points through a model: (N, 2) to float64 (N, 2).

    >>> project(np.diag([2.0, 2.0, 1.0]), np.array([[1.0, 3.0]])).tolist()
    [[2.0, 6.0]]
    """
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    depth = homogeneous[:, 2:]
    images = np.full((len(points), 2), np.inf)
    np.divide(homogeneous[:, :2], depth, out=images, where=depth != 0)
    return images


def is_credible(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> bool:
    """Whether a model could come from photographing one surface twice, judged where the matched points are.

    Args:
        matrix: (3, 3), query to candidate.
        points: (N, 2) query pixels, at least one.

    >>> square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    >>> is_credible(np.eye(3), square), is_credible(np.diag([-1.0, 1.0, 1.0]), square)
    (True, False)
    """
    depth = np.column_stack([points, np.ones(len(points))]) @ matrix[2]
    if not (np.all(depth > 0) or np.all(depth < 0)):
        return False  # the horizon runs between the points
    jacobians = _jacobians(matrix, points, depth)
    if np.any(np.linalg.det(jacobians) <= 0):
        return False  # a mirror image
    largest, smallest = np.linalg.svd(jacobians, compute_uv=False).T
    zoom = np.sqrt(largest * smallest)
    return bool(
        np.all(zoom < _LARGEST_ZOOM)
        and np.all(zoom > 1 / _LARGEST_ZOOM)
        and np.all(largest < _LARGEST_STRETCH * smallest)
    )


def _estimate(
    query: Points, candidate: Points, motion: Motion, estimator: Estimator, tolerance: float
) -> NDArray[np.float64] | None:
    method = cv2.USAC_MAGSAC if estimator == "magsac" else cv2.RANSAC
    cv2.setRNGSeed(_SEEDED)  # plain RANSAC draws from OpenCV's own generator, MAGSAC from one it seeds itself
    if motion == "homography":
        found, _ = cv2.findHomography(query, candidate, method, tolerance, None, _ITERATIONS, _CONFIDENCE)
        return None if found is None else np.asarray(found, dtype=np.float64)
    found, _ = cv2.estimateAffine2D(query, candidate, None, method, tolerance, _ITERATIONS, _CONFIDENCE)
    return None if found is None else np.vstack([found, [0.0, 0.0, 1.0]])


def _residuals(matrix: NDArray[np.float64], query: Points, candidate: Points) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(project(matrix, query) - candidate, axis=1))


def _places(points: NDArray[np.floating]) -> int:
    """How many different places points have; SIFT gives one place several features when its direction is unclear."""
    return len(np.unique(np.rint(points), axis=0))


def _jacobians(
    matrix: NDArray[np.float64], points: NDArray[np.floating], depth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Derivative of the model at each point: (N, 2, 2)."""
    images = project(matrix, points)
    return np.asarray((matrix[None, :2, :2] - images[:, :, None] * matrix[None, 2:, :2]) / depth[:, None, None])


def _require_usable(
    query: Points, candidate: Points, *, motion: str, estimator: str, tolerance: float, min_inliers: int
) -> None:
    if query.shape != candidate.shape or query.ndim != 2 or query.shape[1] != 2:
        raise InvalidInputError(f"matched points are two arrays (N, 2), got {query.shape} and {candidate.shape}")
    if motion not in MOTIONS:
        raise InvalidInputError(f"a motion is {' or '.join(MOTIONS)}, not {motion!r}")
    if estimator not in ("magsac", "ransac"):
        raise InvalidInputError(f"an estimator is magsac or ransac, not {estimator!r}")
    if not tolerance > 0:
        raise InvalidInputError(f"the tolerance is a distance in pixels above 0, not {tolerance}")
    if min_inliers < 4:
        raise InvalidInputError(f"a model needs at least 4 matches, not {min_inliers}")
