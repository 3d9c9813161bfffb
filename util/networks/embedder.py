"""A trunk with, where there is one, a linear layer that makes its output the embedding."""

from __future__ import annotations

import torch
from torch import nn

from util.errors import ExtractorUnavailableError
from util.networks.card import ModelCard
from util.networks.trunks import build_trunk


class Embedder(nn.Module):
    """What a checkpoint holds: parameters named ``trunk.…`` and, with a linear head, ``head.…``.

    Args:
        trunk: takes (N, 3, H, W) float, normalised RGB, and returns (N, C).
        head: takes (N, C) and returns (N, D).
    """

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, D), not yet of unit length."""
        embeddings: torch.Tensor = self.head(self.trunk(images))
        return embeddings


def build_embedder(card: ModelCard) -> Embedder:
    """The network a card speaks of, with random weights.

    Raises:
        ExtractorUnavailableError: if there is no such network, or its output is not what the card says.
    """
    trunk, width = build_trunk(card.network)
    if card.head == "linear":
        return Embedder(trunk, nn.Linear(width, card.dimension))
    if width != card.dimension:
        raise ExtractorUnavailableError(
            f"the card says {card.network!r} without a head has {card.dimension} dimensions, it has {width}: "
            'correct "dimension", or set "head" to "linear"'
        )
    return Embedder(trunk, nn.Identity())
