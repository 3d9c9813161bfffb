"""A small network of two convolutions, for small images and quick comparisons."""

from __future__ import annotations

import torch
from torch import nn

from util.networks.first_convolution import require_channels


class SiameseCNN(nn.Module):
    """Two convolutions and two linear layers with PReLU between: what a proof of concept for flowers was made of.

    The shape is that of ``tappyness1/image_retrieval``, trained there by triplets on images of 64×64. Its first
    linear layer grew with the image (5.5 million weights at 64×64, 92 million at 224×224). Here the maps are averaged
    to the 13×13 that they have at 64×64: the same network there, and one of the same size everywhere else. Takes
    images from 16×16 pixels.

    Args:
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        grid: height and width to which the maps are averaged.
        hidden: width of the hidden layer.
        dropout: share of the maps' values that training leaves out after each convolution, in [0, 1).
    """

    def __init__(
        self, *, dimension: int = 128, channels: int = 3, grid: int = 13, hidden: int = 512, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.dimension, self.channels = dimension, channels
        self.features = nn.Sequential(*_stage(channels, 32, dropout), *_stage(32, 64, dropout))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(64 * grid * grid, hidden), nn.PReLU(), nn.Linear(hidden, dimension))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, dimension), not of unit length.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        require_channels(images, self.channels)
        embeddings: torch.Tensor = self.head(self.pool(self.features(images)))
        return embeddings


def _stage(inputs: int, maps: int, dropout: float) -> list[nn.Module]:
    return [nn.Conv2d(inputs, maps, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)]
