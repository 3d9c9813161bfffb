"""Second-order attention: every position of a feature map gathers from all others what resembles it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError


class SecondOrderAttention(nn.Module):
    """Second-order attention (SOA) block, float (N, C, H, W) to the same shape; a fresh one changes nothing.

    With f, g = ReLU(BN(1×1 conv)), h = 1×1 conv, all to M = C / ``reduction`` channels and flattened to the H · W
    positions, the output is x + v(softmax(M^-½ fᵀg) hᵀ), where v is the 1×1 convolution back to C channels. It starts
    at zero, so that the block can be put into a trained network. The (H · W)² attention map is not held in memory
    where torch's fused attention can do without it.

    Source: Ng, Balntas, Tian and Mikolajczyk, "SOLAR: second-order loss and attention for image retrieval",
    ECCV 2020, arXiv:2001.08972. Parameters have the names of the published weights.

    Args:
        channels: C.
        reduction: C / M; the paper has 4 after conv4_x and 2 after conv5_x of a ResNet.

    Raises:
        InvalidInputError: if ``reduction`` leaves no channel.
    """

    def __init__(self, channels: int, *, reduction: int = 2) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise InvalidInputError(f"reduction is to be between 1 and the {channels} channels, not {reduction}")
        middle = channels // reduction
        self.f, self.g = _projection(channels, middle), _projection(channels, middle)
        self.h = _pointwise(channels, middle)
        self.v = nn.Conv2d(middle, channels, 1)
        for parameter in self.v.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        queries, keys, values = (_positions(layer(features)) for layer in (self.f, self.g, self.h))
        gathered = functional.scaled_dot_product_attention(queries, keys, values)  # (N, 1, H · W, M)
        gathered = gathered.squeeze(1).transpose(1, 2).reshape(len(features), -1, *features.shape[2:])
        attended: torch.Tensor = features + self.v(gathered)
        return attended


def _projection(channels: int, middle: int) -> nn.Sequential:
    return nn.Sequential(_pointwise(channels, middle), nn.BatchNorm2d(middle), nn.ReLU())


def _pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1×1 convolution with He's initialisation, as the published network has it."""
    convolution = nn.Conv2d(inputs, outputs, 1)
    nn.init.kaiming_normal_(convolution.weight)
    nn.init.constant_(convolution.get_parameter("bias"), 0)
    return convolution


def _positions(features: torch.Tensor) -> torch.Tensor:
    """(N, M, H, W) to (N, 1, H · W, M): one attention head over all positions."""
    return features.flatten(2).transpose(1, 2).unsqueeze(1)
