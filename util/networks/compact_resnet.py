"""A ResNet-18 whose last stage is narrow: half the weight, nearly all of the accuracy on small data sets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from util.networks.pooling import build_pooling


class CompactResNet(nn.Module):
    """ResNet of basic blocks, generalised-mean pooling, and a linear embedding that ends in batch norm.

    ResNet-18 (K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) has three quarters of its
    weights in its last stage; from scratch, on some thousand images, they do little. Batch norm at the end keeps
    the embedding centred, so that cosines use their whole range (H. Luo et al., "Bag of Tricks and a Strong Baseline
    for Deep Person Re-Identification", CVPR Workshops 2019).

    Args:
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        widths: of the four stages.
        depths: residual blocks in each stage.
        pooling: a key of ``util.networks.pooling.POOLINGS``.
        dropout: share of the pooled maps that training leaves out, in [0, 1).
    """

    def __init__(
        self,
        *,
        dimension: int = 512,
        channels: int = 3,
        widths: Sequence[int] = (64, 128, 256, 256),
        depths: Sequence[int] = (2, 2, 2, 2),
        pooling: str = "gem",
        dropout: float = 0.0,
    ) -> None:
        from timm.models.resnet import BasicBlock, ResNet

        super().__init__()
        self.dimension = dimension
        self.trunk = ResNet(
            BasicBlock,  # type: ignore[arg-type] # timm means the class
            tuple(depths),
            channels=tuple(widths),
            in_chans=channels,
            num_classes=0,
            global_pool="",
        )
        self.pool = build_pooling(pooling, widths[-1])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Linear(widths[-1], dimension, bias=False), nn.BatchNorm1d(dimension))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, dimension), not yet of unit length."""
        pooled = self.dropout(self.pool(self.trunk(images)))
        embeddings: torch.Tensor = self.head(pooled)
        return embeddings
