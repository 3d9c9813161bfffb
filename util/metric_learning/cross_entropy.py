"""Softmax cross-entropy of a linear classifier on the embedding."""

from __future__ import annotations

import torch
from torch import nn


class LinearCrossEntropy(nn.Module):
    """A linear layer from embedding to items, and the cross-entropy of its softmax.

    It sees the embedding as it is, not made a unit vector: on unit vectors the logits could not spread enough for
    many items (see ``normalized_softmax`` for that case).

    Args:
        classes: number of items.
        dimension: length of the embeddings.
        label_smoothing: share of the target spread evenly over all items (C. Szegedy et al., "Rethinking the
            Inception architecture", CVPR 2016).
    """

    def __init__(self, *, classes: int, dimension: int, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.classifier = nn.Linear(dimension, classes)
        self.label_smoothing = label_smoothing

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, D) and (N,) to a scalar, the mean over the images."""
        logits = self.classifier(embeddings)
        return nn.functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
