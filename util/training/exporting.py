"""From a trained network to an extractor: weights and card in the folder of models."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.networks.card import ModelCard, write_card
from util.networks.imagenet import channel_statistics
from util.networks.states import fit_state, write_state
from util.training.configuration import TrainingConfig
from util.training.data import TrainingData

_RECORDED = ("torch", "torchvision", "timm", "lightning", "pytorch-metric-learning", "albumentations")


def normalisation_of(config: TrainingConfig) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel: ImageNet's, for every three channels.

    With ``channels=transposed`` the last three are left 255 times as large, since that is what the system did that
    this variant repeats.
    """
    return channel_statistics(config.channels, last_image_unscaled="channels=transposed" in config.recipe)


def load_best(checkpoint: Path, network: nn.Module) -> nn.Module:
    """A network with the weights of a run's checkpoint.

    Args:
        checkpoint: as Lightning writes it; averaged weights where the run averages.
        network: of the same build.

    Raises:
        ExtractorUnavailableError: if the checkpoint is of another network or cannot be read.
    """
    try:
        content = torch.load(checkpoint, "cpu", weights_only=True)
        state = {
            name.removeprefix("network."): value
            for name, value in content["state_dict"].items()
            if name.startswith("network.")
        }
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise ExtractorUnavailableError(f"{checkpoint} is no checkpoint of a run: {error}") from error
    fit_state(network, state, source=str(checkpoint))
    return network


def save_extractor(
    network: nn.Module,
    config: TrainingConfig,
    data: TrainingData,
    *,
    metrics: dict[str, float],
    models_dir: Path,
) -> Path:
    """Writes ``NAME.safetensors`` and ``NAME.json``, each whole or not at all.

    Args:
        network: with the weights to keep.
        config: of the run, recorded whole.
        data: the photos of the run.
        metrics: what was reached.
        models_dir: folder of models; made when it is not there.

    Returns:
        The weights' file.

    Raises:
        InvalidInputError: if the folder cannot be written, or the disk is full.
    """
    path = models_dir / f"{config.name}.safetensors"
    draft = path.with_suffix(".tmp")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        sha256 = write_state(draft, network.half() if config.half_weights else network)
        draft.replace(path)
        card = _card(config, data, metrics, sha256)
        drafted = path.with_suffix(".json.tmp")
        write_card(drafted, card)
        drafted.replace(path.with_suffix(".json"))
    except OSError as error:
        raise InvalidInputError(
            f"cannot write the extractor {path}: {error.strerror or error}; make room there and run the same command "
            "again, nothing is trained twice"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def _card(config: TrainingConfig, data: TrainingData, metrics: dict[str, float], sha256: str) -> ModelCard:
    mean, std = normalisation_of(config)
    return ModelCard(
        network=config.network,
        head=config.head,
        options=config.options,
        dimension=config.dimension,
        recipe=config.recipe,
        mean=mean,
        std=std,
        sha256=sha256,
        data=(
            f"{len(data.images)} photos of {len(data.item_names)} items ({config.train}), chosen on "
            f"{len(data.validation.queries)} photos"
        ),
        seed=config.seed,
        training=config.model_dump(mode="json") | {"data_sha256": data.digest()},
        metrics=metrics,
        versions={name: version(name) for name in _RECORDED},
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
