"""SAHA: SIFT keypoints, AffNet shapes, HardNet descriptors, AdaLAM matches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.adalam import local_affine_frames, match_adalam
from util.rerank.local.features import LocalFeatures
from util.rerank.local.matcher import Correspondences, Description, Matcher
from util.rerank.local.pixels import fit_within, grey_of, on_white
from util.rerank.local.sift import detect_sift
from util.rerank.local.weights import PublishedWeights, read_weights, weights_file

if TYPE_CHECKING:
    import torch

AFFNET = PublishedWeights("AffNet", "https://github.com/ducha-aiki/affnet/raw/master/pretrained/AffNet.pth")
HARDNET = PublishedWeights("HardNet8", "https://cmp.felk.cvut.cz/~mishkdmy/hardnet8v2.pt")
SIDE = 800
KEYPOINTS = 2000
_ANY_CONTRAST = 0.001
_BATCH = 512  # patches that go through the networks at once


@dataclass(frozen=True, kw_only=True)
class SahaMatcher(Matcher):
    """SIFT's keypoints, each given an affine shape by AffNet and described by HardNet8; matched by AdaLAM.

    More keypoints than SIFT alone would keep, since HardNet tells pale ones apart too. Descriptors are kept as float16.

    References: D. Mishkin et al., "Repeatability is not enough: learning affine regions via discriminability", ECCV
    2018; A. Mishchuk et al., "Working hard to know your neighbor's margins", NIPS 2017; M. Pultar, "Improving the
    HardNet descriptor", 2020, arXiv:2007.09699; L. Cavalli et al., "Handcrafted outlier detection revisited", ECCV
    2020.

    Attributes:
        side: photos are shrunk so that no side is longer, in pixels.
        keypoints: at most so many a photo.
        weights_dir: folder with ``AffNet.pth`` and ``hardnet8v2.pt``; torch's cache without it.
    """

    name: ClassVar[str] = "saha"

    side: int = SIDE
    keypoints: int = KEYPOINTS
    weights_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.side < 32 or self.keypoints < 1:
            raise InvalidInputError(f"SAHA needs a side from 32 pixels and 1 keypoint or more, got {self}")

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Options and the content of the weights.

        Raises:
            WeightsMissingError: if weights are neither here nor downloadable.
        """
        from util.networks.states import file_sha256

        digests = (file_sha256(weights_file(published, self.weights_dir)) for published in (AFFNET, HARDNET))
        return ("saha", self.side, self.keypoints, *digests)

    def describe(self, image: NDArray[np.uint8]) -> Description:
        """The features of a photo, with float16 descriptors of 128 numbers.

        Raises:
            WeightsMissingError: if weights are neither here nor downloadable.
        """
        found = detect_sift(image, side=self.side, keypoints=self.keypoints, contrast=_ANY_CONTRAST)
        descriptors = self._described(image, found) if len(found) else np.empty((0, 128), np.float16)
        return replace(found, descriptors=descriptors).to_arrays()

    def match(self, query: Description, candidate: Description) -> Correspondences:
        """AdaLAM's matches."""
        first, second = LocalFeatures.from_arrays(query), LocalFeatures.from_arrays(candidate)
        pairs = match_adalam(first, second)
        return Correspondences(first.points[pairs[:, 0]], second.points[pairs[:, 1]])

    def _described(self, image: NDArray[np.uint8], found: LocalFeatures) -> NDArray[np.float16]:
        import torch
        from kornia.feature import extract_patches_from_pyramid

        affnet, hardnet = self._networks
        small, pixel = fit_within(on_white(image), self.side)
        grey = torch.from_numpy(grey_of(small))[None, None].float() / 255
        frames = local_affine_frames(_in_pixels_of(found, pixel))
        rows = []
        with torch.inference_mode():
            for start in range(0, len(found), _BATCH):
                shaped = affnet(frames[:, start : start + _BATCH], grey)
                patches = extract_patches_from_pyramid(grey, shaped, 32)
                rows.append(hardnet(patches[0]).half().numpy())
        return np.concatenate(rows)

    @cached_property
    def _networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        from kornia.feature import HardNet8, LAFAffNetShapeEstimator

        networks: tuple[Any, Any] = LAFAffNetShapeEstimator(pretrained=False), HardNet8(pretrained=False)
        for published, network in zip((AFFNET, HARDNET), networks, strict=True):
            read_weights(published, network, self.weights_dir)
        return networks


def _in_pixels_of(features: LocalFeatures, pixel: float) -> LocalFeatures:
    """The features in pixels of the small copy, one of which measures ``pixel`` of the photo's."""
    points = ((features.points + 0.5) / pixel - 0.5).astype(np.float32)
    return replace(features, points=points, scales=(features.scales / pixel).astype(np.float32))
