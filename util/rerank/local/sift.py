"""SIFT keypoints with RootSIFT descriptors, kept in one byte a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.adalam import match_adalam
from util.rerank.local.features import LocalFeatures
from util.rerank.local.matcher import Correspondences, Description, Matcher
from util.rerank.local.matching import RATIO, match_features
from util.rerank.local.pixels import fit_within, grey_of, on_white

SIDE = 480
KEYPOINTS = 800
CONTRAST = 0.02
_SMALLEST = 8  # pixels of the shorter side; SIFT's pyramid has nothing to say about less
_LEVELS = 512.0  # of a RootSIFT number in [0, 1]; the largest that occur in practice are below a half


def detect_sift(
    image: NDArray[np.uint8], *, side: int = SIDE, keypoints: int = KEYPOINTS, contrast: float = CONTRAST
) -> LocalFeatures:
    """SIFT features of a photo, the strongest first come.

    The Hellinger distance of SIFT histograms is the Euclidean one of their square roots after dividing each by its
    sum, which matches better (RootSIFT). Its numbers are stored as bytes, 512 to the unit: rounding changes a cosine
    by less than 0.002.

    References: D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004; R. Arandjelović,
    A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.

    Args:
        image: uint8 H×W×3 (RGB) or H×W×4 (RGBA).
        side: the photo is shrunk so that no side is longer, in pixels.
        keypoints: at most so many.
        contrast: smallest contrast of a keypoint, as OpenCV counts it; less finds more in pale prints.

    Returns:
        Features in pixels of the photo as given; none for a blank or tiny one.

    >>> len(detect_sift(np.full((100, 100, 3), 200, np.uint8)))
    0
    """
    opaque = on_white(image)
    height, width = opaque.shape[:2]
    small, pixel = fit_within(opaque, side)
    if min(small.shape[:2]) < _SMALLEST:
        return _features([], None, pixel, (width, height))
    # Made anew each time: a detector must not be shared between threads, and it costs microseconds.
    detector = cv2.SIFT.create(keypoints, contrastThreshold=contrast, enable_precise_upscale=True)
    found, descriptors = detector.detectAndCompute(grey_of(small), None)
    rows = None if descriptors is None else np.asarray(descriptors, dtype=np.float32)
    return _features(found, rows, pixel, (width, height))


def root_sift(descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RootSIFT of SIFT histograms in bytes: (N, 128) to uint8 (N, 128)."""
    sums = descriptors.sum(axis=1, keepdims=True)
    roots = np.sqrt(np.divide(descriptors, sums, out=np.zeros_like(descriptors), where=sums > 0))
    return np.asarray(np.rint(np.minimum(roots * _LEVELS, 255)), dtype=np.uint8)


def _features(
    found: object, descriptors: NDArray[np.float32] | None, pixel: float, size: tuple[int, int]
) -> LocalFeatures:
    keypoints = list(found)  # type: ignore[call-overload]
    if not keypoints or descriptors is None:
        none = np.empty(0, np.float32)
        return LocalFeatures(np.empty((0, 2), np.float32), none, none.copy(), np.empty((0, 128), np.uint8), size)
    centres = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32)
    return LocalFeatures(
        points=(centres + 0.5) * np.float32(pixel) - 0.5,  # the corner of a picture, not a pixel's centre, stays put
        scales=np.array([keypoint.size for keypoint in keypoints], dtype=np.float32) * np.float32(pixel),
        angles=np.array([keypoint.angle for keypoint in keypoints], dtype=np.float32),
        descriptors=root_sift(descriptors),
        size=size,
    )


@dataclass(frozen=True, kw_only=True)
class SiftMatcher(Matcher):
    """SIFT features; mutual nearest neighbours that pass the ratio test, or AdaLAM in place of that test.

    Attributes:
        side: photos are shrunk so that no side is longer, in pixels.
        keypoints: at most so many a photo.
        ratio: of the ratio test, in (0, 1].
        adalam: whether neighbours are filtered by AdaLAM, slower and stricter, in place of the ratio test.
    """

    name: ClassVar[str] = "sift"

    side: int = SIDE
    keypoints: int = KEYPOINTS
    ratio: float = RATIO
    adalam: bool = False

    def __post_init__(self) -> None:
        if self.side < 32 or self.keypoints < 1 or not 0 < self.ratio <= 1:
            raise InvalidInputError(
                f"SIFT needs a side from 32 pixels, 1 keypoint or more and a ratio in (0, 1], got {self}"
            )

    @property
    def key(self) -> tuple[object, ...]:
        """Detector and its options."""
        return ("sift", self.side, self.keypoints, CONTRAST)

    def describe(self, image: NDArray[np.uint8]) -> Description:
        """The features of a photo; see ``detect_sift``."""
        return detect_sift(image, side=self.side, keypoints=self.keypoints).to_arrays()

    def match(self, query: Description, candidate: Description) -> Correspondences:
        """Mutual neighbours that are distinct; see ``match_features`` and ``match_adalam``."""
        first, second = LocalFeatures.from_arrays(query), LocalFeatures.from_arrays(candidate)
        pairs = match_adalam(first, second) if self.adalam else match_features(first, second, ratio=self.ratio)
        return Correspondences(first.points[pairs[:, 0]], second.points[pairs[:, 1]])
