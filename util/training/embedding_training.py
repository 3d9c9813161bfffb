"""Training by a loss on embeddings: classification, metric learning, or tuples that were mined beforehand."""

from __future__ import annotations

from typing import cast

import torch

from util.metric_learning.embedding_loss import EmbeddingLoss
from util.metric_learning.miners import Miner
from util.networks.normalisation import normalised
from util.training.batch import Batch
from util.training.mixing import cutmix
from util.training.trained_network import TrainedNetwork


class EmbeddingTraining(TrainedNetwork):
    """Embeddings of one item are to come close, those of others apart, as the loss defines it.

    Attributes:
        miner: chooses the pairs or triplets of a batch that the loss looks at; ``None`` takes all.
    """

    miner: Miner | None = None

    def loss_of(self, batch: Batch) -> torch.Tensor:
        """The loss of a batch; with CutMix, of its mixture."""
        if self._mixes():
            mixed = cutmix(normalised(batch.images, self.mean, self.std), self._random)
            embeddings = self.network(mixed.images)
            return self._loss.mixed(embeddings, batch.labels, batch.labels[mixed.partners], mixed.share)
        embeddings = self.embed(batch.images)
        mined = tuple(batch.triplets.unbind(1)) if len(batch.triplets) else None
        if self.miner is not None:
            mined = self.miner(embeddings, batch.labels)
        loss: torch.Tensor = self._loss(embeddings, batch.labels, mined)
        return loss

    @property
    def _loss(self) -> EmbeddingLoss:
        return cast(EmbeddingLoss, self.loss)

    def _mixes(self) -> bool:
        """Whether this step mixes photos: drawn from the run's seed and the step's number."""
        if not self.config.cutmix or self.current_epoch >= self.config.cutmix_until * self.config.epochs:
            return False
        self._random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.global_step)
        return bool(torch.rand((), generator=self._random) < self.config.cutmix)
