"""What every loss on embeddings is: one call, in 32 bits, that says what was wrong with its input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

from util.errors import InvalidInputError

Mined: TypeAlias = tuple[torch.Tensor, ...]
"""What a miner found in a batch: int64 positions, triplets as (anchors, positives, negatives) or pairs as (anchors,
positives, anchors, negatives)."""


class EmbeddingLoss(nn.Module, ABC):
    """A loss on a batch of embeddings and their labels.

    Attributes:
        mixes: whether ``mixed`` can be called: losses that classify can, losses on pairs cannot.
        uses_pairs: whether it looks at what a miner found; losses that classify take all images and leave it aside.
        classes: number of items it can tell apart; ``None`` where it learns none by heart.
        dimension: length of the embeddings, where it has to be known.
    """

    mixes: bool = False
    uses_pairs: bool = True
    classes: int | None = None
    dimension: int | None = None

    @property
    def learns(self) -> bool:
        """Whether it has parameters of its own (a classifier, proxies), which the optimiser must be given."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def forward(
        self, embeddings: torch.Tensor, labels: torch.Tensor, pairs_or_triplets: Mined | None = None
    ) -> torch.Tensor:
        """The loss of a batch.

        Args:
            embeddings: float (N, D), of any length; made unit vectors where the loss is defined on those.
            labels: int64 (N,), in [0, classes) for a loss with classes.
            pairs_or_triplets: what a miner found; ``None`` for all there are.

        Returns:
            float32 scalar, computed in 32 bits under autocast too; zero, with a gradient of zero, where the batch
            holds no pair or triplet to learn from.

        Raises:
            InvalidInputError: if shapes, types or labels cannot be used.
        """
        self._check(embeddings, labels)
        with torch.autocast(embeddings.device.type, enabled=False):
            value: torch.Tensor = self.compute(embeddings.float(), labels, pairs_or_triplets)
        return value

    @abstractmethod
    def compute(self, embeddings: torch.Tensor, labels: torch.Tensor, mined: Mined | None) -> torch.Tensor:
        """The loss of a batch that has been checked: float32 (N, D), int64 (N,) to a scalar."""

    def mixed(
        self, embeddings: torch.Tensor, labels: torch.Tensor, other_labels: torch.Tensor, share: float
    ) -> torch.Tensor:
        """The loss of images that each show two items, as CutMix and MixUp make them.

        Args:
            embeddings: float (N, D) of the mixed images.
            labels: int64 (N,), the item that has ``share`` of each image.
            other_labels: int64 (N,), the item that has the rest.
            share: in [0, 1].

        Returns:
            float32 scalar, ``share`` of the loss for ``labels`` and the rest of that for ``other_labels``; for softmax
            cross-entropy that is the cross-entropy with soft labels.

        Raises:
            InvalidInputError: if the loss does not classify (two mixed images are neither the same item nor
                different ones), or the share is out of range.
        """
        if not self.mixes:
            raise InvalidInputError(
                "this loss takes images that show one item each: leave CutMix and MixUp out, or choose a loss that "
                "classifies each image by itself, such as arcface"
            )
        if not 0 <= share <= 1:
            raise InvalidInputError(f"the share of the first item must be in [0, 1], not {share}")
        value: torch.Tensor = share * self(embeddings, labels) + (1 - share) * self(embeddings, other_labels)
        return value

    def _check(self, embeddings: torch.Tensor, labels: torch.Tensor) -> None:
        if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not len(labels):
            raise InvalidInputError(
                "a loss takes embeddings (N, D) and as many labels (N,), at least one, not "
                f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
            )
        if not embeddings.is_floating_point() or labels.dtype != torch.int64:
            raise InvalidInputError(
                f"a loss takes float embeddings and int64 labels, not {embeddings.dtype} and {labels.dtype}"
            )
        if self.dimension not in (None, embeddings.shape[1]):
            raise InvalidInputError(
                f"the loss was made for embeddings of length {self.dimension}, not {embeddings.shape[1]}"
            )
        # A look at labels on a GPU would make it wait for every batch.
        if (
            self.classes is not None
            and labels.device.type == "cpu"
            and not 0 <= labels.min() <= labels.max() < self.classes
        ):
            raise InvalidInputError(
                f"labels must be in [0, {self.classes}), got {int(labels.min())} to {int(labels.max())}"
            )


class LibraryLoss(EmbeddingLoss):
    """A loss of pytorch-metric-learning, or any module called like one: ``loss(embeddings, labels, mined)``.

    Args:
        loss: the module.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def compute(self, embeddings: torch.Tensor, labels: torch.Tensor, mined: Mined | None) -> torch.Tensor:
        """What the library says."""
        value: torch.Tensor = self.loss(embeddings, labels, mined)
        return value


class ClassificationLoss(EmbeddingLoss):
    """A loss that tells a fixed number of items apart, each image by itself.

    Args:
        loss: called as ``loss(embeddings, labels)``.
        classes: number of items.
        dimension: length of the embeddings.
        mixes: whether the loss of an image is linear in its label.
    """

    uses_pairs = False

    def __init__(
        self,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *,
        classes: int,
        dimension: int,
        mixes: bool = True,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.classes, self.dimension, self.mixes = classes, dimension, mixes

    def compute(self, embeddings: torch.Tensor, labels: torch.Tensor, mined: Mined | None) -> torch.Tensor:
        """The loss over all images, whatever a miner found."""
        return self.loss(embeddings, labels)
