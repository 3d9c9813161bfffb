"""LoFTR: matches without keypoints, found by a transformer that looks at both photos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.matcher import NO_POINTS, Correspondences, Description, Matcher
from util.rerank.local.pixels import grey_of, on_white
from util.rerank.local.weights import PublishedWeights, read_weights

if TYPE_CHECKING:
    import torch

OUTDOOR = PublishedWeights("LoFTR", "https://cmp.felk.cvut.cz/~mishkdmy/models/loftr_outdoor.ckpt")
SIDE = 480
_STRIDE = 8  # of the coarse features: sides are made multiples of it
_SMALLEST = 64  # pixels; what is smaller has too few coarse cells to match


@dataclass(frozen=True, kw_only=True)
class LoftrMatcher(Matcher):
    """LoFTR with the weights of MegaDepth ("outdoor").

    A description is the photo itself, grey and small: what the network makes of it takes a hundred times as much
    room.

    Reference: J. Sun et al., "LoFTR: detector-free local feature matching with transformers", CVPR 2021.

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
        if self.side < _SMALLEST or not 0 < self.confidence <= 1:
            raise InvalidInputError(
                f"LoFTR needs a side from {_SMALLEST} pixels and a confidence in (0, 1], got {self}"
            )

    @property
    def key(self) -> tuple[object, ...]:
        """The size: nothing is learned from one photo alone."""
        return ("grey", self.side)

    def describe(self, image: NDArray[np.uint8]) -> Description:
        """The photo in grey, its sides multiples of 8, and its own size."""
        height, width = image.shape[:2]
        scale = min(1.0, self.side / max(height, width))
        size = tuple(max(_STRIDE, round(edge * scale / _STRIDE) * _STRIDE) for edge in (width, height))
        grey = cv2.resize(grey_of(on_white(image)), size, interpolation=cv2.INTER_AREA)
        return {"grey": np.asarray(grey, dtype=np.uint8), "size": np.array([width, height])}

    def match(self, query: Description, candidate: Description) -> Correspondences:
        """Points that the network pairs with enough confidence.

        Raises:
            WeightsMissingError: if the weights are neither here nor downloadable.
        """
        import torch

        if min(*query["grey"].shape, *candidate["grey"].shape) < _SMALLEST:
            return Correspondences(NO_POINTS, NO_POINTS)
        images = {
            f"image{side}": torch.from_numpy(one["grey"].copy())[None, None].float() / 255
            for side, one in enumerate((query, candidate))
        }
        with torch.inference_mode():
            found = self._network(images)
        sure = found["confidence"] >= self.confidence
        return Correspondences(
            _in_photo(found["keypoints0"][sure], query), _in_photo(found["keypoints1"][sure], candidate)
        )

    @cached_property
    def _network(self) -> torch.nn.Module:
        from kornia.feature import LoFTR

        network: torch.nn.Module = LoFTR(pretrained=None)
        read_weights(OUTDOOR, network, self.weights_dir)
        return network


def _in_photo(points: torch.Tensor, description: Description) -> NDArray[np.float32]:
    """Network coordinates, in which the first pixel's centre is (½, ½), as pixels of the decoded photo."""
    height, width = description["grey"].shape
    scale = description["size"] / np.array([width, height])
    return np.asarray(points.float().numpy() * scale - 0.5, dtype=np.float32)
