"""Several losses at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from util.errors import InvalidInputError
from util.metric_learning.embedding_loss import EmbeddingLoss, Mined


class WeightedLosses(EmbeddingLoss):
    """The weighted sum of losses on the same embeddings.

    It can be taken on mixed images if each of the losses can; what a miner found goes to those that use it.

    Args:
        losses: at least one.
        weights: as many, above zero.

    Raises:
        InvalidInputError: if there is no loss, or the weights are not so.
    """

    def __init__(self, losses: Sequence[EmbeddingLoss], weights: Sequence[float]) -> None:
        super().__init__()
        if not losses or len(losses) != len(weights):
            raise InvalidInputError(f"{len(losses)} losses need as many weights, at least one, not {len(weights)}")
        if not all(isinstance(weight, (int, float)) and 0 < weight < math.inf for weight in weights):
            raise InvalidInputError(f"the weights of losses must be numbers above zero, not {list(weights)}")
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(float(weight) for weight in weights)
        self.mixes = all(loss.mixes for loss in losses)
        self.uses_pairs = any(loss.uses_pairs for loss in losses)

    def compute(self, embeddings: torch.Tensor, labels: torch.Tensor, mined: Mined | None) -> torch.Tensor:
        """Each loss times its weight, summed."""
        values = [
            weight * loss(embeddings, labels, mined) for weight, loss in zip(self.weights, self.losses, strict=True)
        ]
        return torch.stack(values).sum()
