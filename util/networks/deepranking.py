"""DeepRanking: a deep branch for what an image shows, two shallow ones for how it looks from afar.

J. Wang et al., "Learning Fine-grained Image Similarity with Deep Ranking", CVPR 2014, arXiv:1404.4661.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from util.networks.convolution_branch import MAPS, torchvision_convolutions
from util.networks.first_convolution import require_channels
from util.networks.initialisation import he_initialised

SHALLOW = 96
"""Maps of a shallow branch."""

GRID = 4
"""Height and width of its maps once pooled."""


class DeepRanking(nn.Module):
    """Three branches, each of unit length, laid end to end, and a linear layer that makes the embedding.

    The deep one is VGG16 (the paper took AlexNet), averaged, and two linear layers; torchvision's weights fit its
    ``features``. The shallow ones see the image sub-sampled 4:1 and 8:1, by the mean of 4×4 and of 8×8 pixels; of an
    image of 224×224 one convolution of 8×8, stride 4, makes 14×14 and 7×7 maps, and pooling makes 4×4 of either.
    Maps of images of another size are averaged to 4×4, so the network takes any from 32×32 pixels. Triplet losses
    expect the embedding at unit length: normalise what comes out.

    Args:
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        subsample: ``False`` feeds the shallow branches the image as it is, with strides of 16 and 32 in place of 4, as
            the Keras implementations do, the one of an earlier system among them: between their windows of 8×8
            they never see most of the pixels. Weights fit either way.
        hidden: width of the deep branch's two linear layers.
        dropout: share of these that training leaves out; the paper keeps 0.6 (which those implementations drop).
    """

    def __init__(
        self,
        *,
        dimension: int = 4096,
        channels: int = 3,
        subsample: bool = True,
        hidden: int = 4096,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.dimension, self.channels = dimension, channels
        self.features = torchvision_convolutions("vgg16", channels=channels)
        self.deep = _deep_layers(hidden, dropout)
        self.quarter = _quarter_branch(channels, subsample=subsample)
        self.eighth = _eighth_branch(channels, subsample=subsample)
        self.head = nn.Linear(2 * SHALLOW * GRID * GRID + hidden, dimension)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, dimension), not of unit length.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        require_channels(images, self.channels)
        branches = (self.quarter(images), self.eighth(images), self.deep(self.features(images)))
        joined = torch.cat([functional.normalize(branch) for branch in branches], dim=1)  # (N, 1536 + 1536 + hidden)
        embeddings: torch.Tensor = self.head(joined)
        return embeddings


def _deep_layers(hidden: int, dropout: float) -> nn.Sequential:
    """(N, 512, h, w) to (N, hidden)."""
    return he_initialised(
        nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(MAPS["vgg16"], hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
    )


def _quarter_branch(channels: int, *, subsample: bool) -> nn.Sequential:
    """(N, channels, 224, 224) by way of (N, 96, 14, 14) and (N, 96, 4, 4) to (N, 1536)."""
    # The last window reaches over the edge, where a padding of nothing to the left and one to the right stood.
    return _shallow_branch(channels, 4, nn.MaxPool2d(3, stride=4, ceil_mode=True), subsample=subsample)


def _eighth_branch(channels: int, *, subsample: bool) -> nn.Sequential:
    """(N, channels, 224, 224) by way of (N, 96, 7, 7) and (N, 96, 4, 4) to (N, 1536)."""
    return _shallow_branch(channels, 8, nn.MaxPool2d(7, stride=2, padding=3), subsample=subsample)


def _shallow_branch(channels: int, factor: int, pool: nn.Module, *, subsample: bool) -> nn.Sequential:
    convolution = (
        nn.Conv2d(channels, SHALLOW, 8, stride=4, padding=2)
        if subsample
        else nn.Conv2d(channels, SHALLOW, 8, stride=4 * factor)
    )
    smaller = nn.AvgPool2d(factor) if subsample else nn.Identity()
    return nn.Sequential(smaller, convolution, pool, nn.AdaptiveAvgPool2d(GRID), nn.Flatten())
