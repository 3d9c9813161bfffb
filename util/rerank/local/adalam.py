"""AdaLAM: matches that agree with their neighbourhood on a local affine motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from util.rerank.local.features import LocalFeatures

if TYPE_CHECKING:
    import torch

_FEWEST = 6  # features in each image: AdaLAM accepts no smaller neighbourhood
_LAF_RADIUS = 3.0  # of a feature's diameter: six standard deviations, what HardNet and AffNet were trained on


def match_adalam(query: LocalFeatures, candidate: LocalFeatures) -> NDArray[np.intp]:
    """Nearest neighbours filtered by AdaLAM, as kornia has it.

    Seeds are confident mutual neighbours spread over the image; each gathers matches of like place, scale and turn, and
    keeps those that one affine motion explains better than chance. Where no seed survives there is no match: the bare
    ratio test that kornia answers with in that case says too little.

    Reference: L. Cavalli et al., "Handcrafted outlier detection revisited", ECCV 2020.

    Returns:
        (M, 2) indices into query and candidate, by the query's index.
    """
    import torch
    from kornia.feature import match_adalam as filtered
    from kornia.feature.adalam.adalam import get_adalam_default_config

    if min(len(query), len(candidate)) < _FEWEST:
        return np.empty((0, 2), np.intp)
    first, second = (torch.from_numpy(features.unit_descriptors()) for features in (query, candidate))
    frames, other_frames = (local_affine_frames(features) for features in (query, candidate))
    with torch.inference_mode():
        unsure, pairs = filtered(first, second, frames, other_frames, hw1=query.size[::-1], hw2=candidate.size[::-1])
    confident = unsure.reshape(-1).numpy() <= 1 / get_adalam_default_config()["min_confidence"]
    kept = pairs.numpy()[confident].astype(np.intp)
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]


def local_affine_frames(features: LocalFeatures) -> torch.Tensor:
    """Place, size and turn of each feature as kornia writes them: float32 (1, N, 2, 3)."""
    import torch
    from kornia.feature import laf_from_center_scale_ori

    points, scales, angles = (
        torch.from_numpy(np.array(values)) for values in (features.points, features.scales, features.angles)
    )
    # OpenCV counts degrees clockwise on the screen, kornia counter-clockwise.
    return laf_from_center_scale_ori(points[None], (_LAF_RADIUS * scales)[None, :, None, None], -angles[None, :, None])
