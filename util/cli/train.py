"""``nearid train``: from labelled photos to an extractor."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from util.cli import options
from util.cli.console import leave_if_failed, print_json, progress_bar
from util.cli.opening import limits
from util.errors import InvalidInputError

if TYPE_CHECKING:
    from util.training.epoch_log import EpochReport
    from util.training.running import TrainingResult


def train(
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help="compact_resnet, alphaalexnet, alexnet_original, siamese_alexnet, siamese_vgg16, siamese_cnn, "
            "deepranking, solar, la_transformer; resnet50, vgg16 … of torchvision; timm:NAME. [default: the file's]",
        ),
    ] = None,
    train_path: Annotated[
        str | None, typer.Option("--train", metavar="PATH", help="Labelled photos: folder or list.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option("--val", metavar="PATH", help="Photos to choose by. [default: split off --train]")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the extractor. [default: the network's]")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="YAML with any settings; options go over it.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Times every photo is seen.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=2, help="Photos a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Highest learning rate.")] = None,
    loss: Annotated[str | None, typer.Option("--loss", help="arcface, triplet, circle, cross_entropy …")] = None,
    miner: Annotated[str | None, typer.Option("--miner", help="multi_similarity, batch_hard …")] = None,
    sampler: Annotated[str | None, typer.Option("--sampler", help="random, m_per_class, balanced.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Preprocessing of the extractor.")] = None,
    augmentation: Annotated[str | None, typer.Option("--augmentation", help="none, light, standard or strong.")] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="What is kept apart where --val is left out: photo or item.")
    ] = None,
    start_from: Annotated[
        str | None, typer.Option("--start-from", help="random, pretrained, or the path of weights.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of everything random.")] = None,
    item_from: Annotated[
        str | None, typer.Option("--item-from", help="Where item names come from: auto, folder, csv, meta, grocery.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, in YAML: --set patience=5; repeatable."),
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of runs: checkpoints, logs, curves.")] = Path("runs"),
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where a run of this name is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Train an extractor on labelled photos, and write weights and model card.

    A run that was interrupted goes on when the same command is given again. The best validation is kept, and
    `nearid index --extractor NAME` takes it at once. docs/training.md explains all settings.
    """
    said = {
        "network": network, "train": train_path, "validation": validation, "name": name, "epochs": epochs,
        "batch_size": batch_size, "learning_rate": learning_rate, "loss": loss, "miner": miner, "sampler": sampler,
        "recipe": recipe, "augmentation": augmentation, "split": split, "start_from": start_from, "seed": seed,
        "item_from": item_from, **_settings(setting or []),
    }  # fmt: skip
    run_training(said, file=config, runs=runs, restart=restart, as_json=as_json)


def run_training(
    said: dict[str, Any],
    *,
    file: Path | None = None,
    runs: Path = Path("runs"),
    restart: bool = False,
    as_json: bool = False,
) -> None:
    """What ``nearid train`` and the training scripts do: train, say how it goes, and draw the curves.

    Args:
        said: settings by name; ``None`` leaves one to the file or the network's presets.
        file: YAML with settings.
        runs: folder of runs.
        restart: begins anew where a run of this name is there.
        as_json: prints one JSON object and nothing else.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # training asks nobody on the network anything
    from config.settings import load_settings
    from util.preprocess.cache import PreprocessCache
    from util.search.extraction import Failure
    from util.training.configuration import configure
    from util.training.running import Surroundings, train

    settings = load_settings()
    configuration = configure(said, file=file)
    with progress_bar("reading photos") as progress:
        around = Surroundings(
            runs_dir=runs,
            models_dir=settings.models_dir,
            limits=limits(settings),
            cache=PreprocessCache(Path(settings.cache_dir)) if settings.cache_dir is not None else None,
            progress=progress,
            report=_print_epoch,
        )
        result = train(configuration, surroundings=around, restart=restart)
    pictures = _draw(result)
    if as_json:
        print_json(result.to_json() | {"pictures": pictures})
    else:
        _print(result, pictures)
    leave_if_failed([Failure(one.path, one.error) for one in result.left_out], quiet=as_json)


def _settings(pairs: list[str]) -> dict[str, Any]:
    import yaml

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInputError(f"--set is written NAME=VALUE, not {pair!r}")
        try:
            settings[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidInputError(f"the value of --set {key} is not YAML: {' '.join(str(error).split())}") from error
    return settings


def _print_epoch(report: EpochReport) -> None:
    """One line an epoch on standard error."""
    metrics = report.metrics
    line = f"epoch {report.epoch}/{report.epochs}  loss {metrics['train_loss']:.3f}"
    line += "".join(f"  {name} {value:.3f}" for name, value in metrics.items() if name.startswith("val_"))
    print(f"{line}  {metrics['images_per_second']:.0f} photos/s", file=sys.stderr, flush=True)


def _draw(result: TrainingResult) -> list[str]:
    """Curves of the run and a map of its validation photos, beside its checkpoints."""
    import numpy as np

    from util.plots.embedding_map import embedding_map
    from util.plots.training_curves import training_curves

    with np.load(result.run / "validation.npz") as kept:
        embeddings, items = kept["embeddings"].astype(np.float32), kept["items"].tolist()
    figures = {
        "curves.png": training_curves(result.run / "metrics.csv", title=result.name),
        "map.png": embedding_map(embeddings, items, method="pca", title=f"{result.name}: validation photos"),
    }
    for name, figure in figures.items():
        figure.savefig(result.run / name, dpi=120)
    return [str(result.run / name) for name in figures]


def _print(result: TrainingResult, pictures: list[str]) -> None:
    for notice in result.notices:
        print(f"note: {notice}", file=sys.stderr)
    best = ", ".join(f"{name} {value:.3f}" for name, value in result.best.items() if name != "epoch")
    print(f"best: {best} (epoch {result.best['epoch']:.0f} of {result.epochs})")
    print(f"extractor: {result.name}  ({result.weights}, card {result.card.name})")
    print(f"pictures: {', '.join(pictures)}")
    print(f"use it: nearid index PATH --extractor {result.name}")
