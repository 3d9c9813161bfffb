"""The convolutions of torchvision's AlexNet and VGG16 as a network that makes embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.first_convolution import require_channels
from util.networks.initialisation import he_initialised

MAPS = {"alexnet": 256, "vgg16": 512}
"""How many maps the last convolution has, by torchvision's name of the network."""


def torchvision_convolutions(name: str, *, channels: int = 3) -> nn.Sequential:
    """A torchvision network's ``features`` with random weights; their names are torchvision's.

    Args:
        name: a key of ``MAPS``.
        channels: of the input; where it is not 3, the first convolution is another.

    Raises:
        InvalidInputError: if there is no such network.
    """
    import torchvision.models

    if name not in MAPS:
        raise InvalidInputError(f"there is no branch {name!r}: there are {', '.join(MAPS)}")
    device = torch.get_default_device()
    with torch.device("meta"):  # a classifier of a hundred million weights that nobody wants is never drawn
        features: nn.Sequential = torchvision.models.get_model(name, weights=None).features
        first: Any = features[0]
        if channels != first.in_channels:
            features[0] = nn.Conv2d(channels, first.out_channels, first.kernel_size, first.stride, first.padding)
    return he_initialised(features.to_empty(device=device))


class ConvolutionBranch(nn.Module):
    """Convolutions, their maps pooled to a small grid, and a linear layer that makes the embedding.

    Parameters are called ``features.…``, as in torchvision, ``norms.…`` where there are any, and ``head.…``.

    Args:
        trunk: ``alexnet`` or ``vgg16``.
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        grid: height and width to which the maps are pooled; 1 forgets where on the image something was.
        maximum: pools by the maximum, not by the mean.
        batch_norm: after every convolution, before its ReLU; from random weights little is learnt without.
    """

    def __init__(
        self,
        *,
        trunk: str,
        dimension: int = 512,
        channels: int = 3,
        grid: int = 1,
        maximum: bool = False,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.dimension, self.channels = dimension, channels
        self.features = torchvision_convolutions(trunk, channels=channels)
        # Beside the convolutions, not among them, so that torchvision's names of these stay.
        self.norms = nn.ModuleDict(
            {
                place: nn.BatchNorm2d(layer.out_channels)
                for place, layer in self.features.named_children()
                if batch_norm and isinstance(layer, nn.Conv2d)
            }
        )
        pool = nn.AdaptiveMaxPool2d(grid) if maximum else nn.AdaptiveAvgPool2d(grid)
        self.pool = nn.Sequential(pool, nn.Flatten())
        self.head = he_initialised(nn.Linear(MAPS[trunk] * grid * grid, dimension))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, dimension), not of unit length.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        require_channels(images, self.channels)
        maps = images
        for place, layer in self.features.named_children():
            maps = layer(maps)
            if place in self.norms:
                maps = self.norms[place](maps)
        embeddings: torch.Tensor = self.head(self.pool(maps))
        return embeddings
