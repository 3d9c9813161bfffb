"""A trunk, a pooling where the trunk's own is not wanted, and a head that makes their output the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import nn

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.networks.card import ModelCard
from util.networks.catalogue import build_network
from util.networks.trunks import build_trunk


class Embedder(nn.Module):
    """What a checkpoint of a trunk holds: parameters named ``trunk.…``, ``pool.…`` and ``head.…``.

    Args:
        trunk: takes (N, 3, H, W) float, normalised RGB, and returns (N, C), or (N, C, h, w) where it is pooled.
        head: takes (N, C) and returns (N, D).
        pool: takes (N, C, h, w) and returns (N, C); ``None`` where the trunk does that itself.
    """

    def __init__(self, trunk: nn.Module, head: nn.Module, pool: nn.Module | None = None) -> None:
        super().__init__()
        self.trunk, self.pool, self.head = trunk, pool if pool is not None else nn.Identity(), head

    @classmethod
    def of_trunk(
        cls,
        trunk_name: str,
        *,
        dimension: int,
        head: str = "none",
        pooling: str | None = None,
        layers: Sequence[int] = (),
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> Self:
        """An embedder with random weights.

        Args:
            trunk_name: a key of ``util.networks.trunks.TRUNKS``, or ``timm:NAME``.
            dimension: length of the embedding.
            head: ``none``, ``linear``, or ``mlp`` with hidden ``layers``.
            pooling: a key of ``util.networks.pooling.POOLINGS``; ``None`` for the trunk's own.
            layers: widths of the hidden layers of an ``mlp``.
            batch_norm: ends a linear head in batch norm; in an ``mlp``, follows every hidden layer by it.
            dropout: share of the trunk's outputs that training leaves out, in [0, 1).

        Raises:
            InvalidInputError: if layers are given to another head than ``mlp``.
            ExtractorUnavailableError: if there is no head and the trunk's output is of another dimension.
        """
        if layers and head != "mlp":
            raise InvalidInputError(f"layers={list(layers)} are those of an mlp: say head=mlp, or leave them out")
        pool: nn.Module | None = None
        if pooling is None:
            trunk, width = build_trunk(trunk_name)
        else:
            from util.networks.feature_maps import build_feature_map
            from util.networks.pooling import build_pooling

            trunk, width = build_feature_map(trunk_name)
            pool = build_pooling(pooling, width)
        built = _head(head, trunk_name, width, dimension, layers=layers, batch_norm=batch_norm, dropout=dropout)
        return cls(trunk, built, pool)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, D), not yet of unit length."""
        embeddings: torch.Tensor = self.head(self.pool(self.trunk(images)))
        return embeddings


def _head(
    kind: str, trunk: str, width: int, dimension: int, *, layers: Sequence[int], batch_norm: bool, dropout: float
) -> nn.Module:
    if kind == "mlp":
        from util.networks.mlp import MLP

        return MLP(inputs=width, widths=(*layers, dimension), batch_norm=batch_norm, dropout=dropout)
    if kind == "linear":
        plain = nn.Linear(width, dimension, bias=not batch_norm)
        extras = [nn.Dropout(dropout)] * bool(dropout), [nn.BatchNorm1d(dimension)] * batch_norm
        return nn.Sequential(*extras[0], plain, *extras[1]) if any(extras) else plain
    if width != dimension:
        raise ExtractorUnavailableError(
            f"the card says {trunk!r} without a head has {dimension} dimensions, it has {width}: "
            'correct "dimension", or set "head" to "linear"'
        )
    return nn.Identity()


def build_from_card(card: ModelCard) -> nn.Module:
    """The network a card speaks of, with random weights.

    Raises:
        ExtractorUnavailableError: if there is no such network, or its output is not what the card says.
        InvalidInputError: if the card gives it an option or a number of channels that it does not take.
    """
    return build_network(
        card.network, dimension=card.dimension, channels=card.channels, head=card.head, options=card.options
    )
