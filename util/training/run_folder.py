"""The folder of a run: its settings, its checkpoints, its curves; what tells whether a run can be taken up again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from util.errors import InvalidInputError, RunExistsError
from util.records import Embeddings
from util.training.configuration import TrainingConfig

_MAY_CHANGE = frozenset({"workers", "memory_mb", "half_weights"})
"""Settings that change nothing about what is learnt."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps its files.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """The configuration."""
        return self.path / "config.yaml"

    @property
    def last(self) -> Path:
        """Checkpoint of the last whole epoch."""
        return self.path / "last.ckpt"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation."""
        return self.path / "best.ckpt"

    @property
    def metrics(self) -> Path:
        """One row an epoch."""
        return self.path / "metrics.csv"

    @property
    def result(self) -> Path:
        """What came out; there once the run has ended."""
        return self.path / "result.json"

    @property
    def embeddings(self) -> Path:
        """``embeddings`` (V, D) and ``items`` (V,) of the validation photos, by the best weights."""
        return self.path / "validation.npz"

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self.result.is_file()

    def open_for(self, config: TrainingConfig, *, restart: bool) -> Path | None:
        """Prepares the folder, and says which checkpoint to go on from.

        Args:
            config: of the run.
            restart: throws away what another or an earlier run left there.

        Returns:
            The last checkpoint of the same run; ``None`` where it begins.

        Raises:
            RunExistsError: if a run with other settings is there.
            InvalidInputError: if the folder cannot be written.
        """
        if restart and self.path.is_dir():
            shutil.rmtree(self.path)
        changed = self._changed(config)
        if changed and self.last.is_file():
            raise RunExistsError(
                f"{self.path} holds a run with other settings ({'; '.join(changed[:4])}): choose another name, or let "
                "it begin anew with --restart"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.settings.write_text(config.as_yaml(), encoding="utf-8")
        except OSError as error:
            raise InvalidInputError(
                f"cannot keep a run in {self.path}: {error.strerror or error}; name another folder"
            ) from error
        return self.last if self.last.is_file() else None

    def write_result(self, content: dict[str, Any]) -> None:
        """Says that the run has ended, and how."""
        self.result.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_embeddings(self, embeddings: Embeddings, items: Sequence[str]) -> None:
        """Keeps where the best weights put the validation photos, for pictures of them.

        Args:
            embeddings: (V, D) unit rows.
            items: the V items.
        """
        np.savez_compressed(self.embeddings, embeddings=embeddings.astype(np.float16), items=np.array(items))

    def _changed(self, config: TrainingConfig) -> list[str]:
        if not self.settings.is_file():
            return []
        before = yaml.safe_load(self.settings.read_text(encoding="utf-8")) or {}
        now = config.model_dump(mode="json")
        return [
            f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
            for key in sorted(before.keys() | now.keys())
            if key not in _MAY_CHANGE and before.get(key) != now.get(key)
        ]
