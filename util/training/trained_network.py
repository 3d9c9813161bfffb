"""What all training has in common: normalisation, optimiser, freezing, validation, and a stop where a loss is none."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from util.errors import TrainingDivergedError
from util.networks.normalisation import normalised
from util.training.batch import Batch
from util.training.configuration import TrainingConfig
from util.training.freezing import freeze, trunk_of
from util.training.nearest import recall_at_1
from util.training.optimisation import build_optimizer, learning_rate_factor
from util.training.validation import Validation

RECALL = "val_recall@1"
"""Share of validation queries whose nearest photo shows their item: what the best weights are chosen by."""


class TrainedNetwork(LightningModule):
    """A network that learns; a subclass says what it is that it does wrong.

    Args:
        network: gives embeddings.
        loss: of a batch; may learn too.
        config: of the run.
        mean: of each channel, as the card will have it.
        std: likewise.
        validation: what is looked for, and where.
        steps_an_epoch: how many steps an epoch has.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        config: TrainingConfig,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        validation: Validation,
        steps_an_epoch: int,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.config = network, loss, config
        self.mean, self.std = mean, std
        self.validation, self.steps_an_epoch = validation, steps_an_epoch
        self._embeddings: list[torch.Tensor] = []

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (B, H, W, C) to embeddings (B, D), not yet of unit length."""
        embeddings: torch.Tensor = self.embedding_part(normalised(images, self.mean, self.std))
        return embeddings

    @property
    def embedding_part(self) -> nn.Module:
        """The part of the network that takes images to embeddings."""
        return self.network

    @abstractmethod
    def loss_of(self, batch: Batch) -> torch.Tensor:
        """What is to become small: a scalar."""

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """One step.

        Raises:
            TrainingDivergedError: if the loss is no finite number.
        """
        loss = self.loss_of(batch)
        if not torch.isfinite(loss):
            raise TrainingDivergedError(
                f"the loss is {loss.item()} at epoch {self.current_epoch + 1}, step {batch_idx + 1}: lower the "
                f"learning rate ({self.config.learning_rate:g}), raise warmup, or set clip; earlier checkpoints stay"
            )
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.labels))
        return loss

    def on_train_epoch_start(self) -> None:
        """Draws this epoch's own randomness, and freezes what has to be frozen in it."""
        torch.manual_seed(self.config.seed * 1_000_003 + self.current_epoch)
        if self.config.freeze == "trunk":
            every = self.config.unfreeze_every
            freeze(trunk_of(self.network), learning_blocks=self.current_epoch // every if every else 0)

    def configure_optimizers(self) -> Any:
        """The optimiser, and its schedule by steps."""
        optimizer = build_optimizer(self.network, self.loss, self.config)
        factor = learning_rate_factor(self.config, steps_an_epoch=self.steps_an_epoch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_validation_epoch_start(self) -> None:
        """Forgets the last validation's embeddings."""
        self._embeddings = []

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Embeds a batch of validation photos: uint8 (B, H, W, C)."""
        self._embeddings.append(self.embed(batch).float())

    def on_validation_epoch_end(self) -> None:
        """Looks each query up."""
        for name, value in self.measured(torch.cat(self._embeddings)).items():
            self.log(name, value, prog_bar=name == RECALL)
        self._embeddings = []

    def measured(self, embeddings: torch.Tensor) -> dict[str, float]:
        """What validation finds, by name.

        Args:
            embeddings: (V, D) of the gallery, if there is one, then of the queries.
        """
        known = self.validation
        items = torch.from_numpy(known.items).to(embeddings.device)
        start = known.n_gallery
        gallery = embeddings[:start] if start else None
        return {RECALL: recall_at_1(embeddings[start:], items[start:], gallery, items[:start] if start else items)}
