"""What there is to load, for a person to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from util.errors import ExtractorUnavailableError
from util.image_extract._catalogue import EXTRACTORS, TIMM_PREFIX, checkpoint_names
from util.image_extract.base import WeightsState


@dataclass(frozen=True, slots=True)
class ExtractorInfo:
    """What is known of an extractor without loading it.

    Attributes:
        name: the name ``load`` takes.
        dimension: length of its embeddings; ``None`` where it is not known beforehand.
        recipe: its own preprocessing.
        weights: whether the weights are here.
        where: the file they are in, or how to get them.
        error: why it cannot be loaded; empty where nothing is known to be wrong.
    """

    name: str
    dimension: int | None
    recipe: str
    weights: WeightsState
    where: str = ""
    error: str = ""


def describe_extractors(models_dir: Path, *, name: str | None = None) -> list[ExtractorInfo]:
    """Every module, every checkpoint, and the pattern of timm's models; see ``util.image_extract.describe``."""
    modules = EXTRACTORS.names()
    if name is not None:
        if name in modules:
            return [_describe_module(name)]
        return [_describe_checkpoint(name, models_dir, shadowed=False)] if name in checkpoint_names(models_dir) else []
    return [
        *(_describe_module(name) for name in modules),
        *(_describe_checkpoint(name, models_dir, shadowed=name in modules) for name in checkpoint_names(models_dir)),
        ExtractorInfo(
            f"{TIMM_PREFIX}NAME", None, "square, resize=(what the model was trained with)", "downloaded on first use",
            "any model of timm: timm.list_models(pretrained=True) names them, its weights come from huggingface.co",
        ),
    ]  # fmt: skip


def _describe_module(name: str) -> ExtractorInfo:
    try:
        kind = EXTRACTORS.load_class(name)
        status = kind.weights_status()
    except ExtractorUnavailableError as error:
        return ExtractorInfo(name, None, "", "missing", str(error), str(error))
    return ExtractorInfo(name, kind.dimension, kind.default_recipe, status.state, status.where)


def _describe_checkpoint(name: str, models_dir: Path, *, shadowed: bool) -> ExtractorInfo:
    from util.networks.card import read_card

    weights = models_dir / f"{name}.safetensors"
    state: WeightsState = "present" if weights.is_file() else "missing"
    where = str(weights) if weights.is_file() else f"put the weights at {weights}"
    try:
        card = read_card(weights.with_suffix(".json"))
    except ExtractorUnavailableError as error:
        return ExtractorInfo(name, None, "", state, where, str(error))
    trouble = f"an extractor of NearID is called {name!r} and goes first: rename the checkpoint" if shadowed else ""
    return ExtractorInfo(name, card.dimension, card.recipe, state, where, trouble)
