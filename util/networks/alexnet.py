"""AlexNet of the original size, and AlphaAlexNet, which sees a photo in three exposures at once.

A. Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012. Its layers are
not split over two devices, and there is no local response normalisation: batch norm does that job where it is
wanted. torchvision's AlexNet is another, narrower one (A. Krizhevsky, "One weird trick", arXiv:1404.5997).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.first_convolution import require_channels
from util.networks.initialisation import he_initialised

MAPS = 256
"""Maps of the last convolution, and so the length of an embedding without a linear layer."""

GRID = 6
"""Height and width of the last maps for images of 224×224: what the classifier sees."""

LAYERS = (
    (96, 11, 4, 2, True),
    (256, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (384, 3, 1, 1, False),
    (MAPS, 3, 1, 1, True),
)
"""Of each convolution: maps, height and width, stride, padding, and whether a pooling of 3×3, stride 2 follows."""


class AlexNet(nn.Module):
    """Five convolutions; the largest value of each of the last 256 maps is the embedding.

    Takes images from 63×63 pixels; it was designed for 224×224, where the maps are 55, 27, 13, 13, 13 and, pooled,
    6 wide. A classifier is trained beside the embedding where ``classes`` says how many there are: three linear
    layers, dropout after the first two as in the paper, on the maps averaged to 6×6.

    Args:
        dimension: length of the embedding. Where it is not 256, a linear layer makes it from the 256 values.
        channels: of the input, 3 or 9.
        classes: how many the classifier tells apart; 0 for none.
        batch_norm: between every convolution and its ReLU.
        linear: has the linear layer even where the dimension is 256, since its embeddings can be negative.
        hidden: width of the classifier's two hidden layers.
        dropout: share of these that training leaves out, in [0, 1).
    """

    def __init__(
        self,
        *,
        dimension: int = MAPS,
        channels: int = 3,
        classes: int = 0,
        batch_norm: bool = False,
        linear: bool = False,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.dimension, self.channels, self.classes = dimension, channels, classes
        self.features = _convolutions(channels, batch_norm=batch_norm)
        self.pool = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(MAPS, dimension) if linear or dimension != MAPS else nn.Identity()
        self.classifier = _classifier(classes, hidden, dropout) if classes else None
        he_initialised(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, dimension), not of unit length.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        return self._embedded(self._maps(images))

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, classes), before any softmax.

        Raises:
            InvalidInputError: if the images have other channels, or the network no classifier.
        """
        return self._classified(self._maps(images))

    def embed_and_classify(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both from one pass over the convolutions: (N, dimension) and (N, classes).

        Raises:
            InvalidInputError: if the images have other channels, or the network no classifier.
        """
        maps = self._maps(images)
        return self._embedded(maps), self._classified(maps)

    def _maps(self, images: torch.Tensor) -> torch.Tensor:
        require_channels(images, self.channels)
        maps: torch.Tensor = self.features(images)  # (N, 256, h, w)
        return maps

    def _embedded(self, maps: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.head(self.pool(maps))
        return embeddings

    def _classified(self, maps: torch.Tensor) -> torch.Tensor:
        if self.classifier is None:
            raise InvalidInputError(f"this {type(self).__name__} has no classifier: make it with classes= their number")
        logits: torch.Tensor = self.classifier(maps)
        return logits


class AlphaAlexNet(AlexNet):
    """AlexNet whose first convolution takes nine channels: RGB, RGB under-, and RGB over-exposure-corrected.

    The recipe's last step ``channels=exposure`` makes them where the images are loaded, never the network. It can
    start from weights for three channels: ``util.networks.first_convolution.widen_state``.

    Args:
        dimension: as in ``AlexNet``, like all the others.
        classes: likewise.
        batch_norm: likewise.
        linear: likewise.
        hidden: likewise.
        dropout: likewise.
    """

    def __init__(
        self,
        *,
        dimension: int = MAPS,
        classes: int = 0,
        batch_norm: bool = False,
        linear: bool = False,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(
            dimension=dimension,
            channels=9,
            classes=classes,
            batch_norm=batch_norm,
            linear=linear,
            hidden=hidden,
            dropout=dropout,
        )


def _convolutions(channels: int, *, batch_norm: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = channels
    for number, (maps, size, stride, padding, pooled) in enumerate(LAYERS, start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, maps, size, stride, padding, bias=not batch_norm)
        if batch_norm:
            layers[f"norm{number}"] = nn.BatchNorm2d(maps)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        if pooled:
            layers[f"pool{number}"] = nn.MaxPool2d(3, 2)
        inputs = maps
    return nn.Sequential(layers)


def _classifier(classes: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            grid=nn.AdaptiveAvgPool2d(GRID),
            flatten=nn.Flatten(),
            fc1=nn.Linear(MAPS * GRID * GRID, hidden),
            relu1=nn.ReLU(inplace=True),
            dropout1=nn.Dropout(dropout),
            fc2=nn.Linear(hidden, hidden),
            relu2=nn.ReLU(inplace=True),
            dropout2=nn.Dropout(dropout),
            fc3=nn.Linear(hidden, classes),
        )
    )
