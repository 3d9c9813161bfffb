"""SOLAR: a ResNet with second-order attention, generalised-mean pooling and whitening learnt with the rest."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.networks.attention import SecondOrderAttention
from util.networks.feature_maps import torchvision_map
from util.networks.pooling import build_pooling
from util.networks.states import State

CHANNELS = 2048
"""Of the last map of ResNet-50 and ResNet-101."""

REDUCTIONS = {4: 4, 5: 2}
"""By which factor the attention after conv4_x (1024 channels) and conv5_x (2048) reduces the channels."""

PUBLISHED = {
    # resnet101-solar-best.pth of tonyngjichun/SOLAR, whose stages are sequences of a ResNet's modules
    "features.conv1.0.": "features.conv1.",
    "features.conv1.1.": "features.bn1.",
    "features.conv2_x.2.": "features.layer1.",
    "features.conv3_x.": "features.layer2.",
    "features.conv4_x.": "features.layer3.",
    "features.conv5_x.": "features.layer4.",
    "features.soa4.": "attention4.",
    "features.soa5.": "attention5.",
    # gl18-tl-resnet101-gem-w and its kin of filipradenovic/cnnimageretrieval-pytorch, without attention
    "features.0.": "features.conv1.",
    "features.1.": "features.bn1.",
    "features.4.": "features.layer1.",
    "features.5.": "features.layer2.",
    "features.6.": "features.layer3.",
    "features.7.": "features.layer4.",
    "pool.": "pool.",
    "whiten.": "whiten.",
}
"""What names of published weights begin with, and what they begin with here."""

UNUSED = "gamma"
"""A parameter of early published attention blocks that their output does not depend on."""


class Solar(nn.Module):
    """Float (N, 3, H, W), RGB, normalised as for ImageNet, to (N, dimension) of unit length.

    ResNet with an attention block after conv4_x and conv5_x, pooling, unit length, a linear layer that learns to
    whiten, unit length. Below ``features.`` the parameters have torchvision's names, so ImageNet's weights fit there.
    The published network stops gradients at conv4_x; freezing is left to training here.

    Source: Ng, Balntas, Tian and Mikolajczyk, "SOLAR: second-order loss and attention for image retrieval",
    ECCV 2020, arXiv:2001.08972.

    Args:
        dimension: of the embedding; without whitening it is 2048.
        trunk: which ResNet.
        attention: the stages that are followed by an attention block: 4, 5, both or none.
        pooling: a key of ``util.networks.pooling.POOLINGS``.
        whitening: whether there is a linear layer after pooling; its bias takes the place of a mean.

    Raises:
        InvalidInputError: if one of the options is none of these.
    """

    def __init__(
        self,
        *,
        dimension: int = CHANNELS,
        trunk: Literal["resnet50", "resnet101"] = "resnet101",
        attention: tuple[int, ...] = (4, 5),
        pooling: str = "gem",
        whitening: bool = True,
    ) -> None:
        super().__init__()
        _require_options(dimension, trunk, attention, whitening)
        self.features = torchvision_map(trunk)
        self.attention4 = _attention(4, attention)
        self.attention5 = _attention(5, attention)
        self.pool = build_pooling(pooling, CHANNELS)
        self.whiten = nn.Linear(CHANNELS, dimension) if whitening else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, dimension), of unit length."""
        features = images
        for name, stage in self.features.named_children():
            features = stage(features)
            if name == "layer3":
                features = self.attention4(features)
        pooled = functional.normalize(self.pool(self.attention5(features)), dim=1)
        return pooled if self.whiten is None else functional.normalize(self.whiten(pooled).float(), dim=1)


def _require_options(dimension: int, trunk: str, attention: tuple[int, ...], whitening: bool) -> None:
    if trunk not in ("resnet50", "resnet101"):
        raise InvalidInputError(f"SOLAR rests on 'resnet50' or 'resnet101', not on {trunk!r}")
    if not set(attention) <= REDUCTIONS.keys():
        raise InvalidInputError(f"SOLAR has attention after the stages 4 and 5, not {tuple(attention)}")
    if dimension < 1 or not (whitening or dimension == CHANNELS):
        raise InvalidInputError(
            f"SOLAR has {CHANNELS} dimensions without whitening and at least 1 with it, not {dimension}"
        )


def _attention(stage: int, wanted: tuple[int, ...]) -> nn.Module:
    if stage not in wanted:
        return nn.Identity()
    return SecondOrderAttention(CHANNELS >> (5 - stage), reduction=REDUCTIONS[stage])


def published_state(state: State) -> State:
    """Published weights under the names that ``Solar`` has for them.

    Args:
        state: the ``state_dict`` of ``resnet101-solar-best.pth`` (for ``Solar()``), or of Radenović's networks with
            GeM and whitening, such as ``gl18-tl-resnet50-gem-w`` (for ``Solar(trunk="resnet50", attention=())``).

    Raises:
        ExtractorUnavailableError: if they have other names, giving the first.
    """
    return {_own_name(name): value for name, value in state.items() if name.rpartition(".")[2] != UNUSED}


def _own_name(published: str) -> str:
    for theirs, ours in PUBLISHED.items():
        if published.startswith(theirs):
            return ours + published.removeprefix(theirs)
    raise ExtractorUnavailableError(
        f"no published SOLAR or GeM network has weights called {published!r}: give the checkpoint's 'state_dict'"
    )
