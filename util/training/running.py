"""A whole run: from settings to an extractor in the folder of models."""

from __future__ import annotations

import errno
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from util.errors import InvalidInputError
from util.images import DEFAULT_LIMITS, ImageLimits
from util.metric_learning.losses import build_loss
from util.metric_learning.miners import Miner, build_miner
from util.networks.catalogue import build_network
from util.preprocess.cache import PreprocessCache
from util.training.best_checkpoint import BestCheckpoint
from util.training.configuration import TrainingConfig
from util.training.data import Progress, TrainingData
from util.training.embedding_training import EmbeddingTraining
from util.training.epoch_log import EpochLog, EpochReport
from util.training.exporting import load_best, normalisation_of, save_extractor
from util.training.images import LeftOut
from util.training.pair_training import PairTraining
from util.training.planning import plan_for
from util.training.run_folder import RunFolder
from util.training.starting import start_network
from util.training.trained_network import RECALL, TrainedNetwork
from util.training.validation import embed_validation


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run gave.

    Attributes:
        name: of the extractor, as ``util.image_extract.load`` takes it.
        weights: its file; the card lies beside it.
        run: folder with checkpoints, logs and ``metrics.csv``.
        best: the best validation, by name, and its ``epoch``.
        epochs: how many were trained.
        seconds: this call took.
        left_out: photos that could not be read.
        notices: what the user should know about the photos.
    """

    name: str
    weights: Path
    run: Path
    best: dict[str, float]
    epochs: int
    seconds: float
    left_out: tuple[LeftOut, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def card(self) -> Path:
        """The model card."""
        return self.weights.with_suffix(".json")

    def to_json(self) -> dict[str, Any]:
        """As ``nearid train --json`` prints it."""
        return {
            "name": self.name,
            "checkpoint": str(self.weights),
            "card": str(self.card),
            "run": str(self.run),
            "best": self.best,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
            "failed": [{"path": one.path, "error": one.error} for one in self.left_out],
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class Surroundings:
    """Where a run works, apart from what it learns.

    Attributes:
        runs_dir: folder of runs.
        models_dir: folder of extractors.
        limits: largest photo accepted.
        cache: keeps cut-outs on disk, and views; without one, a run with few views keeps them in ``runs_dir``.
        progress: told after every photo that is read at the start.
        report: told after every epoch.
        bar: whether Lightning draws its progress bar.
        callbacks: further callbacks of Lightning.
    """

    runs_dir: Path = Path("runs")
    models_dir: Path = Path("models")
    limits: ImageLimits = DEFAULT_LIMITS
    cache: PreprocessCache | None = None
    progress: Progress = lambda done, total: None
    report: Callable[[EpochReport], None] = lambda report: None
    bar: bool = False
    callbacks: tuple[Callback, ...] = field(default_factory=tuple)


def train(
    config: TrainingConfig,
    *,
    surroundings: Surroundings | None = None,
    restart: bool = False,
    loss: nn.Module | None = None,
) -> TrainingResult:
    """Trains a network and writes the best of it as an extractor.

    A run that was interrupted goes on from its last whole epoch when it is called again, and ends where an unbroken
    one ends.

    Args:
        config: of the run.
        surroundings: folders, limits, and who is told.
        restart: throws away what an earlier run of this name left.
        loss: an object in place of the configuration's loss.

    Raises:
        DatasetError: if the photos cannot be learnt from.
        RunExistsError: if a run of this name has other settings.
        TrainingDivergedError: if the loss becomes infinite or no number; checkpoints before that stay.
        InvalidInputError: if the settings do not fit the network, or a folder cannot be written.
    """
    started, around = time.perf_counter(), surroundings or Surroundings()
    folder = RunFolder(around.runs_dir / config.name)
    cache = around.cache
    if cache is None and config.views:
        cache = PreprocessCache(around.runs_dir / ".views")  # no run's name begins so, and runs share what they can
    data = TrainingData(config, limits=around.limits, cache=cache, progress=around.progress)
    checkpoint = folder.open_for(config, restart=restart)
    trained = _trained_network(config, data, loss, around.models_dir)
    if not folder.finished:
        _fit(trained, data, folder, around, checkpoint)
    best = torch.load(folder.best, "cpu", weights_only=True)
    metrics = _best_metrics(best)
    with torch.random.fork_rng(devices=[]):
        network = load_best(folder.best, _network(config))
    mean, std = normalisation_of(config)
    folder.write_embeddings(
        embed_validation(network, data.val_dataloader(), mean=mean, std=std),
        [str(record.item) for record in data.validation.records],
    )
    weights = save_extractor(network, config, data, metrics=metrics, models_dir=around.models_dir)
    epochs = int(torch.load(folder.last, "cpu", weights_only=True)["epoch"]) + 1
    result = TrainingResult(
        name=config.name,
        weights=weights,
        run=folder.path,
        best=metrics | {"epoch": float(best["epoch"] + 1)},
        epochs=epochs,
        seconds=time.perf_counter() - started,
        left_out=tuple(data.left_out),
        notices=tuple(data.notices),
    )
    folder.write_result(result.to_json())
    return result


def _network(config: TrainingConfig) -> nn.Module:
    return build_network(
        config.network,
        dimension=config.dimension,
        channels=config.channels,
        head=config.head,
        options=config.options,
    )


def _trained_network(
    config: TrainingConfig, data: TrainingData, loss: nn.Module | None, models_dir: Path
) -> TrainedNetwork:
    torch.manual_seed(config.seed)
    network = start_network(_network(config), config)
    mean, std = normalisation_of(config)
    kind = PairTraining if config.objective == "pairs" else EmbeddingTraining
    built = _loss(config, data, loss)
    trained = kind(network, built, config, mean=mean, std=std, validation=data.validation, steps_an_epoch=1)
    if isinstance(trained, EmbeddingTraining):
        trained.miner = _miner(config, built)
    data.plan = plan_for(config, data, trained, models_dir=models_dir)
    trained.steps_an_epoch = max(1, len(data.plan) // config.devices)
    return trained


def _loss(config: TrainingConfig, data: TrainingData, given: nn.Module | None) -> nn.Module:
    if config.objective == "pairs" and not config.embedding_loss:
        return nn.Identity()  # the pair head's cross-entropy is the loss
    specification = cast(Any, config.loss) if given is None else given  # build_loss checks JSON values
    loss = build_loss(specification, classes=len(data.item_names), dimension=config.dimension)
    if config.cutmix and not loss.mixes:
        raise InvalidInputError(f"CutMix needs a loss that classifies, which {config.loss} does not: set cutmix to 0")
    return loss


def _miner(config: TrainingConfig, loss: nn.Module) -> Miner | None:
    if config.miner is None:
        return None
    if not getattr(loss, "uses_pairs", True):
        raise InvalidInputError(f"the loss {config.loss} takes whole batches and has no use for a miner: leave it out")
    if config.objective != "embedding":
        raise InvalidInputError(f"the objective {config.objective} brings its own tuples: leave the miner out")
    return build_miner(config.miner)


def _fit(
    trained: TrainedNetwork, data: TrainingData, folder: RunFolder, around: Surroundings, checkpoint: Path | None
) -> None:
    _quiet()
    trainer = _trainer(trained, data, folder, around)
    try:
        trainer.fit(trained, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise InvalidInputError(
            f"cannot write to {folder.path}: {error.strerror}; make room there and run the same command again: it goes "
            "on from the last whole epoch"
        ) from error


def _trainer(trained: TrainedNetwork, data: TrainingData, folder: RunFolder, around: Surroundings) -> Trainer:
    config = trained.config
    callbacks: list[Callback] = [*around.callbacks]
    if config.average:
        callbacks.append(EMAWeightAveraging(decay=config.average))
    photos = config.batch_size * trained.steps_an_epoch
    callbacks.append(EpochLog(folder.metrics, photos=photos, report=around.report))
    if config.patience:
        callbacks.append(EarlyStopping(RECALL, mode="max", patience=config.patience, verbose=False))
    always: dict[str, Any] = {"dirpath": folder.path, "enable_version_counter": False, "save_on_train_epoch_end": True}
    callbacks.append(BestCheckpoint(filename="best", monitor=RECALL, mode="max", save_top_k=1, **always))
    callbacks.append(ModelCheckpoint(filename="last", save_top_k=1, **always))
    return Trainer(
        max_epochs=config.epochs,
        accelerator=config.accelerator,
        devices=config.devices,
        precision=_precision(config),
        gradient_clip_val=config.clip or None,
        check_val_every_n_epoch=min(config.validate_every, config.epochs),
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        callbacks=callbacks,
        logger=TensorBoardLogger(folder.path, name="", version="tensorboard"),
        log_every_n_steps=max(1, min(50, trained.steps_an_epoch)),
        enable_progress_bar=around.bar,
        enable_model_summary=False,
    )


def _precision(config: TrainingConfig) -> Any:
    """What Lightning calls the precision; ``auto`` is bf16 where the processor multiplies matrices in it."""
    if config.precision != "auto":
        return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[config.precision]
    if config.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if config.accelerator == "mps" or (config.accelerator == "auto" and torch.backends.mps.is_available()):
        return "32-true"
    return "bf16-mixed" if torch.cpu.get_capabilities().get("amx_bf16", False) else "32-true"


def _best_metrics(checkpoint: dict[str, Any]) -> dict[str, float]:
    """The validation that a checkpoint was kept for."""
    for name, state in checkpoint["callbacks"].items():
        if name.startswith("BestCheckpoint") and state["best_model_score"] is not None:
            return {RECALL: float(state["best_model_score"])}
    return {}


def _quiet() -> None:
    """Lightning announces devices and tips, and warns of what is meant here; its errors still come through."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for about in (".*does not have many workers.*", ".*exists and is not empty.*", ".*mps.*available.*",
                  ".*lr_scheduler.step.*", ".*You are using a CUDA device.*", ".*LeafSpec.*",
                  ".*monitored key.*"):  # fmt: skip
        warnings.filterwarnings("ignore", message=about)
