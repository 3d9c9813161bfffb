"""One row an epoch: for the curves, and for who watches."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How far a run is.

    Attributes:
        epoch: the one that has just ended, counted from 1.
        epochs: how many there are to be.
        metrics: by name: ``train_loss``, ``learning_rate``, ``images_per_second`` and, after a validation,
            ``val_recall@1`` and others.
    """

    epoch: int
    epochs: int
    metrics: dict[str, float]


class EpochLog(Callback):
    """Keeps ``metrics.csv``, also across interruptions, and tells whoever wants to know.

    Args:
        path: of the table.
        photos: a training epoch sees.
        report: called after every epoch.
    """

    def __init__(self, path: Path, *, photos: int, report: Callable[[EpochReport], None]) -> None:
        self.path, self.photos, self.report = path, photos, report
        self._rows: list[dict[str, Any]] = []
        self._validated: dict[str, float] = {}
        self._seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes up the rows of the epochs before; what came after the checkpoint is forgotten."""
        if self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as opened:
                self._rows = [row for row in csv.DictReader(opened) if int(row["epoch"]) <= trainer.current_epoch]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._started, self._seconds = time.perf_counter(), 0.0
        self._validated = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock: validation is not training."""
        self._seconds = time.perf_counter() - self._started

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes what was measured."""
        found = trainer.callback_metrics.items()
        self._validated = {name: float(value) for name, value in found if name.startswith("val_")}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch's row."""
        seconds = self._seconds or time.perf_counter() - self._started
        metrics = {
            "train_loss": float(trainer.callback_metrics["train_loss"]),
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "images_per_second": self.photos / seconds,
            **self._validated,
        }
        self._rows.append({"epoch": trainer.current_epoch + 1, "step": trainer.global_step, **metrics})
        if trainer.is_global_zero:
            self._write()
            self.report(EpochReport(trainer.current_epoch + 1, int(trainer.max_epochs or 0), metrics))

    def _write(self) -> None:
        columns = list(dict.fromkeys(name for row in self._rows for name in row))
        draft = self.path.with_suffix(".tmp")
        with draft.open("w", newline="", encoding="utf-8") as opened:
            table = csv.DictWriter(opened, columns)
            table.writeheader()
            table.writerows(self._rows)
        draft.replace(self.path)
