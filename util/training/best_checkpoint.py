"""Keeping the weights of the best validation."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best, and of equally good ones the latest.

    On a few hundred validation photos epochs often tie. The later one has seen more, at a lower learning rate.
    """

    def check_monitor_top_k(self, trainer: Trainer, current: torch.Tensor | None = None) -> bool:
        """Whether a validation is worth keeping its weights."""
        best = self.best_model_score
        ties = current is not None and best is not None and bool(torch.eq(current, best))
        return ties or super().check_monitor_top_k(trainer, current)
