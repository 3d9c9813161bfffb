"""CutMix: a piece of another photo in each, and a loss that asks for both items in proportion.

S. Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV 2019.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class Mixed(NamedTuple):
    """Photos with pieces of others.

    Attributes:
        images: (N, C, H, W).
        partners: (N,) places of the photos that the pieces come from.
        share: of each image that is still its own, in [0, 1].
    """

    images: torch.Tensor
    partners: torch.Tensor
    share: float


def cutmix(images: torch.Tensor, random: torch.Generator) -> Mixed:
    """Swaps one rectangle, of the images' aspect and a uniformly drawn area, between shuffled photos.

    Args:
        images: float (N, C, H, W); left as it is.
        random: on the CPU.

    >>> zeros_and_ones = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    >>> mixed = cutmix(zeros_and_ones, torch.Generator().manual_seed(3))
    >>> bool((mixed.images[0].mean() == (1 - mixed.share) * (mixed.partners[0] == 1)).all())
    True
    """
    height, width = images.shape[-2:]
    area, down, right = torch.rand(3, generator=random).tolist()
    tall, wide = round(height * area**0.5), round(width * area**0.5)
    top, left = round(down * (height - tall)), round(right * (width - wide))
    partners = torch.randperm(len(images), generator=random).to(images.device)
    window = (..., slice(top, top + tall), slice(left, left + wide))
    mixed = images.clone()
    mixed[window] = images[partners][window]
    return Mixed(mixed, partners, 1 - tall * wide / (height * width))
