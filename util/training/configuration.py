"""The settings of a training run: one value that the command line, a YAML file and a notebook all make.

Whatever is not said is filled in from the network's presets, and what is filled in is recorded too: the card of a
trained extractor holds the whole configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from util.errors import InvalidInputError
from util.networks.catalogue import NETWORKS, input_limits
from util.preprocess.recipe import Recipe
from util.training.augmentation import AugmentationConfig
from util.training.presets import PRESETS
from util.training.relevance import RelevanceConfig

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Specification: TypeAlias = str | dict[str, JsonValue]
"""What a loss, miner or sampler is chosen by: a name, or a mapping with ``name`` and its options."""

Objective = Literal["embedding", "pairs", "triplets", "hard_negatives"]


class TrainingConfig(BaseModel):
    """Settings of a run. Keys that are not known are refused: a misspelt setting must not be ignored.

    Attributes:
        network: a name of ``util.networks.catalogue``, or ``timm:NAME``.
        name: of the extractor that comes out, and of the run's folder.
        options: what the network is built with besides.
        head: of a trunk: ``none``, ``linear`` or ``mlp``.
        dimension: length of the embedding.
        recipe: preprocessing of the extractor; training images go through it too, after augmentation.
        train_size: height and width of augmented images, pixels; ``None`` for the recipe's. Random crops make things
            look larger in training than in use; training somewhat smaller evens that out and is faster (H. Touvron et
            al., "Fixing the train-test resolution discrepancy", NeurIPS 2019).
        train: folder or list of labelled photos.
        validation: likewise, for choosing; ``None`` splits it off ``train``.
        split: what is kept apart where it is split off: photos of every item, or whole items.
        validation_share: how much is split off.
        item_from: where item names come from: ``auto``, ``folder``, ``csv``, ``meta``, ``grocery``.
        objective: ``embedding`` (a loss on batches of embeddings), ``pairs`` (same or different), ``triplets``
            (anchor, positive, negative) or ``hard_negatives`` (tuples mined anew every epoch).
        relevance: of triplets: draws them as DeepRanking does, by how alike photos of one item look to an extractor:
            its name, or a mapping with ``extractor`` and the sampling's settings. Without it every photo is an anchor
            once, and any other photo of its item as likely the positive.
        loss: name, mapping, or a list of them with weights, as ``util.metric_learning.losses`` takes them.
        embedding_loss: of pairs: how much of ``loss``, on the embeddings of all photos of a batch, is added to the pair
            head's cross-entropy; 0 for none.
        hard_share: of pairs: share of the different ones that show an item which looked most alike to the network as it
            was when the epoch began; the others are drawn from all items.
        miner: as ``util.metric_learning.miners`` takes it.
        sampler: as ``util.metric_learning.samplers`` takes it.
        augmentation: ``none``, ``light``, ``standard``, ``strong``, or a mapping of its settings, which may begin
            with ``level``.
        views: how many different views of each photo there are in all epochs together; 0 makes a new one each time. The
            few are made once and kept on disk, which pays where the recipe is slow: exposures, removed backgrounds.
        cutmix: share of batches in which pieces of photos are swapped (S. Yun et al., "CutMix", ICCV 2019); needs a
            loss that classifies.
        cutmix_until: share of the epochs after which photos stay whole.
        epochs: times every photo is seen.
        batch_size: photos a step (pairs and triplets count each of their photos).
        optimizer: ``sgd`` (Nesterov momentum 0.9), ``adamw``, ``adam`` or ``adadelta``.
        learning_rate: the highest of the schedule.
        weight_decay: of weights; biases, norms and pooling exponents have none.
        schedule: ``cosine``, ``constant``, ``step`` (halved each epoch) or ``exponential`` (e^-0.01 an epoch).
        warmup: share of all steps in which the learning rate rises from zero.
        proxy_learning_rate: factor on the learning rate of what a loss learns itself.
        average: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        clip: largest norm of the gradient; 0 for no limit.
        start_from: ``random``; ``pretrained`` for torchvision's or timm's weights; or a path to weights.
        freeze: ``none`` or ``trunk``: only the head learns.
        unfreeze_every: epochs after which one more block of a frozen trunk learns too, from the last; 0 for never.
        validate_every: epochs.
        patience: validations without a better recall@1 after which the run ends; 0 for never.
        seed: of everything random.
        precision: ``auto``, ``32``, ``bf16`` or ``16``: of the forward pass. ``auto`` is bf16 where the processor
            has instructions for it.
        accelerator: ``auto``, ``cpu``, ``gpu``, ``mps``.
        devices: how many.
        workers: processes that read and augment.
        memory_mb: how much of the decoded photos is kept in memory.
        half_weights: keeps the weights in 16 bits on disk, half the size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    network: str = Field(min_length=1)
    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    options: dict[str, JsonValue] = Field(default_factory=dict)
    head: Literal["none", "linear", "mlp"] = "none"
    dimension: int = Field(ge=1)
    recipe: str
    train_size: int | None = Field(None, ge=16, le=4096)
    train: str = Field(min_length=1)
    validation: str | None = None
    split: Literal["photo", "item"] = "photo"
    validation_share: float = Field(0.15, gt=0, lt=1)
    item_from: str = "auto"
    objective: Objective = "embedding"
    relevance: RelevanceConfig | None = None
    loss: Specification | list[Specification] = "arcface"
    embedding_loss: float = Field(0.0, ge=0)
    hard_share: Share = 0.0
    miner: Specification | None = None
    sampler: Specification = "random"
    augmentation: AugmentationConfig = Field(default_factory=AugmentationConfig)
    views: int = Field(0, ge=0)
    cutmix: Share = 0.0
    cutmix_until: Share = 0.9
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(64, ge=2)
    optimizer: Literal["sgd", "adamw", "adam", "adadelta"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    schedule: Literal["cosine", "constant", "step", "exponential"] = "cosine"
    warmup: Share = 0.05
    proxy_learning_rate: float = Field(1.0, gt=0)
    average: float = Field(0.0, ge=0, lt=1)
    clip: float = Field(0.0, ge=0)
    start_from: str = "random"
    freeze: Literal["none", "trunk"] = "none"
    unfreeze_every: int = Field(0, ge=0)
    validate_every: int = Field(1, ge=1)
    patience: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: int = Field(1, ge=1)
    workers: int = Field(2, ge=0)
    memory_mb: int = Field(2048, ge=0)
    half_weights: bool = False

    @field_validator("augmentation", mode="before")
    @classmethod
    def _level_by_name(cls, given: object) -> object:
        if isinstance(given, str):
            return AugmentationConfig.at_level(given)
        if isinstance(given, dict) and "level" in given:
            return AugmentationConfig.at_level(**given)
        return given

    @field_validator("relevance", mode="before")
    @classmethod
    def _extractor_by_name(cls, given: object) -> object:
        return {"extractor": given} if isinstance(given, str) else given

    @field_validator("recipe")
    @classmethod
    def _canonical(cls, text: str) -> str:
        return str(Recipe.parse(text))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        recipe = Recipe.parse(self.recipe)
        if recipe.output_size is None:
            raise ValueError(f"the recipe {self.recipe} must make images of one size: end it in resize= or center=")
        accepted = input_limits(self.network).channels
        if recipe.channels not in accepted:
            raise ValueError(f"{self.network} takes {' or '.join(map(str, accepted))} channels, the recipe makes "
                             f"{recipe.channels}")  # fmt: skip
        verifies = self.network in NETWORKS and NETWORKS[self.network].verifies
        if verifies != (self.objective == "pairs"):
            needs = "only pairs" if verifies else "anything but pairs"
            raise ValueError(f"{self.network} is trained by the objective {needs}, not {self.objective}")
        if self.relevance is not None and self.objective != "triplets":
            raise ValueError(f"relevance draws triplets, and the objective is {self.objective}: leave one of them out")
        return self

    @property
    def channels(self) -> int:
        """Of the network's input: 3 or 9."""
        return Recipe.parse(self.recipe).channels

    @property
    def mines(self) -> bool:
        """Whether every epoch begins with a look at all training photos, through the network as it then is."""
        return self.objective == "hard_negatives" or (self.objective == "pairs" and self.hard_share > 0)

    def as_yaml(self) -> str:
        """The configuration as a file that ``configure`` reads back."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text


def configure(given: Mapping[str, Any], *, file: Path | None = None) -> TrainingConfig:
    """A configuration from what is said, over a YAML file, over the network's presets.

    Args:
        given: settings by name; those that are ``None`` count as not said.
        file: YAML with settings by name.

    Raises:
        InvalidInputError: naming the settings that are unknown or wrong, or what is wrong with the file.
    """
    said = {**(read_yaml(file) if file is not None else {}), **{k: v for k, v in given.items() if v is not None}}
    if "network" not in said:
        raise InvalidInputError(f"which network? Name one of {', '.join(NETWORKS)}, a trunk, or timm:NAME")
    network = str(said["network"])
    input_limits(network)
    kind = NETWORKS.get(network)
    defaults: dict[str, Any] = {"name": network.replace("timm:", "").replace("/", "_")}
    if kind is not None:
        defaults |= {"dimension": kind.dimension, "recipe": kind.recipe}
    else:
        defaults |= {"dimension": 512, "recipe": "square, resize=224", "head": "linear"}
    try:
        return TrainingConfig.model_validate({**defaults, **PRESETS.get(network, {}), **said})
    except ValidationError as error:
        raise InvalidInputError(f"the training settings are wrong: {_problems(error)}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Settings by name from a YAML file.

    Raises:
        InvalidInputError: if it cannot be read or does not hold settings by name.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"cannot read the settings {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InvalidInputError(f"{path} must hold settings by name, such as `epochs: 30`, one a line")
    return content


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'together'}: {problem['msg'].removeprefix('Value error, ')}"
        + (" (there is no such setting)" if problem["type"] == "extra_forbidden" else "")
        for problem in error.errors()[:4]
    )
