"""Weights that prior systems trained, made into extractors: a file of weights and a card that says how to run them."""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isqrt
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import nn

from util.errors import InvalidInputError
from util.image_extract import available, load
from util.networks.card import ModelCard, write_card
from util.networks.catalogue import NETWORKS, build_network, input_limits
from util.networks.imagenet import channel_statistics
from util.networks.prior_weights import ImportReport, import_state
from util.networks.states import State, file_sha256, read_state, write_state
from util.preprocess.recipe import Recipe

TRUNK_RECIPE = "square, resize=224"
"""Of a trunk where nobody asks for another."""

AS_TRAINED_THERE = "square, resize=224, channels=transposed"
"""What the prior system's nine channels really were: the image, itself transposed, and itself inverted."""

_NOT_NORMALISED = " of image_retrieval"
"""What the origin of weights ends in that were trained on pixel / 255 and nothing else."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEED = 0
_SOME = 128  # dimension for a file that holds none; it will be refused


@dataclass(frozen=True, slots=True)
class _Build:
    """What is built to take the weights of a file: the arguments of ``build_network``, and the recipe."""

    network: str
    dimension: int
    recipe: Recipe
    head: Literal["none", "linear"] = "none"
    options: Mapping[str, int] = field(default_factory=dict)


def import_weights(
    source: Path,
    *,
    network: str,
    name: str,
    recipe: str | None = None,
    dimension: int | None = None,
    models_dir: Path,
) -> tuple[Path, ImportReport]:
    """Makes the weights of a prior system an extractor: ``NAME.safetensors`` and ``NAME.json``, or neither.

    What the file says by its shapes need not be said again: the dimension where it holds the last layer, nine
    channels, the size of images of the small Siamese network. Layers that the file lacks start at random, the same
    each time; the card's notes name them, and what was left out of the file.

    Args:
        source: ``.pth``, ``.pt`` or ``.safetensors`` that holds tensors by name; no code in it is run.
        network: a name of ``util.networks.catalogue``; which ones take which files, ``prior_weights`` says.
        name: of the extractor; none of this name may be there.
        recipe: preprocessing; ``None`` for what the weights were trained with, as far as that is known.
        dimension: length of the embedding; ``None`` for the file's, or else the network's own.
        models_dir: folder of models; made when it is not there.

    Returns:
        The weights' file, and what became of the weights in ``source``.

    Raises:
        WeightsMissingError: if the file is not there.
        ExtractorUnavailableError: if it cannot be read or is not for this network.
        UnknownExtractorError: if there is no such network.
        InvalidInputError: if the name, recipe or dimension cannot be used, or the folder cannot be written.
    """
    _require_free(name, models_dir)
    if dimension is not None and dimension < 1:
        raise InvalidInputError(f"the dimension of an embedding is at least 1, not {dimension}")
    accepted = input_limits(network).channels  # a misspelt network is said before a file is read
    build = _planned(read_state(source), network, accepted, recipe=recipe, dimension=dimension)
    built = _at_random(build)
    report = import_state(source, built)
    path = models_dir / f"{name}.safetensors"
    _write(path, built, _card(build, report, source))
    return path, report


def _require_free(name: str, models_dir: Path) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"an extractor cannot be called {name!r}: letters, digits, dots, hyphens and underscores, a letter or "
            "digit first"
        )
    if name in available(models_dir):
        raise InvalidInputError(
            f"there is an extractor {name!r} already: choose another name, or remove {name}.safetensors and "
            f"{name}.json from {models_dir}"
        )


def _planned(
    state: State, network: str, accepted: tuple[int, ...], *, recipe: str | None, dimension: int | None
) -> _Build:
    """What the shapes in a file say of the network that they are for."""
    shapes = {name.removeprefix("module."): tuple(weight.shape) for name, weight in state.items()}
    if network not in NETWORKS:
        width = shapes.get("backbone.fc.weight", (_SOME,))[0]
        return _Build(network, dimension or width, Recipe.parse(recipe or TRUNK_RECIPE), head="linear")
    usual, length, options = NETWORKS[network].recipe, NETWORKS[network].dimension, {}
    if shapes.get("conv1.weight", ())[1:2] == (9,) and 9 in accepted:
        usual = AS_TRAINED_THERE
    if network == "siamese_cnn" and {"fc.0.weight", "fc.2.weight"} <= shapes.keys():
        length, grid = shapes["fc.2.weight"][0], isqrt(shapes["fc.0.weight"][-1] // 64)
        options = {"grid": grid}
        usual = f"square, resize={4 * grid + 12}"  # two convolutions of 5×5, each halved: the size it was made for
    return _Build(network, dimension or length, Recipe.parse(recipe or usual), options=options)


def _at_random(build: _Build) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return build_network(
            build.network,
            dimension=build.dimension,
            channels=build.recipe.channels,
            head=build.head,
            options=build.options,
        )


def _card(build: _Build, report: ImportReport, source: Path) -> ModelCard:
    mean, std = _normalisation(build.recipe, report.origin)
    return ModelCard(
        network=build.network,
        head=build.head,
        options=dict(build.options),
        dimension=build.dimension,
        recipe=str(build.recipe),
        mean=mean,
        std=std,
        data=f"unknown: weights of {report.origin}, from {source.name} (sha256 {file_sha256(source)})",
        seed=_SEED if report.missing else None,
        versions={"torch": version("torch")},
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        notes=_notes(report),
    )


def _normalisation(recipe: Recipe, origin: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, as the system had them that trained the weights."""
    if origin.endswith(_NOT_NORMALISED):
        return (0.0,) * recipe.channels, (1.0,) * recipe.channels
    return channel_statistics(recipe.channels, last_image_unscaled="channels=transposed" in str(recipe))


def _notes(report: ImportReport) -> str:
    """What was left out of the file, reason by reason, and what the file lacks."""
    reasons: dict[str, list[str]] = {}
    for weight, why in report.left_out.items():
        reason = "the network has none of them" if why.startswith("the network has no ") else why
        reasons.setdefault(reason, []).append(weight)
    left_out = [f"left out: {', '.join(weights)} ({reason})" for reason, weights in reasons.items()]
    random = [f"not in the file, so random until it is trained: {', '.join(report.missing)}"] if report.missing else []
    return "; ".join([f"imported, {len(report.taken)} weights taken", *left_out, *random])


def _write(path: Path, network: nn.Module, card: ModelCard) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as drafts:
            draft = Path(drafts) / path.name
            sha256 = write_state(draft, network)
            write_card(draft.with_suffix(".json"), card.model_copy(update={"sha256": sha256}))
            load(path.stem, models_dir=draft.parent, device="cpu")  # what cannot be loaded is not left lying about
            draft.replace(path)
            draft.with_suffix(".json").replace(path.with_suffix(".json"))
    except (OSError, SafetensorError) as error:
        raise InvalidInputError(
            f"cannot write the extractor {path}: {error}; name a folder of models with room that can be written"
        ) from error
