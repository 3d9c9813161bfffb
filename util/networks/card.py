"""Model cards: what stands in a checkpoint, so that it can be run exactly as it was trained.

A trained extractor is two files in the folder of models: ``NAME.safetensors``, the weights, and ``NAME.json``, its
card. ``models/README.md`` shows one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from util.errors import ExtractorUnavailableError

FORMAT: Literal["nearid-extractor-1"] = "nearid-extractor-1"

_Fraction = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]
Mean: TypeAlias = tuple[_Fraction, ...]
Deviation: TypeAlias = tuple[_Positive, ...]

CHANNELS = (3, 9)
"""How many input channels a network can have: RGB, or RGB and the two images that a recipe's last step adds."""


class ModelCard(BaseModel):
    """The card of a trained extractor. Keys it does not know are refused: a misspelt one must not be ignored.

    Attributes:
        format: version of this schema; a card of any other kind is not an extractor's.
        network: a key of ``util.networks.catalogue.NETWORKS`` or ``util.networks.trunks.TRUNKS``, or ``timm:NAME``.
        head: of a trunk: ``linear`` or ``mlp`` maps its output to the embedding, with ``none`` that is the embedding.
        options: what the network is built with besides, as ``util.networks.catalogue.build_network`` takes it.
        dimension: length of the embedding.
        recipe: preprocessing the network was trained with, as ``util.preprocess.recipe`` writes it.
        mean: of the red, green and blue channel (or of all nine), on the scale from 0 to 1; subtracted from
            pixel / 255.
        std: of each channel; what is left is divided by it.
        sha256: of the weights' file; checked on loading where it is given.
        duplicate_score: cosine similarity from which two images count as nearly the same picture.
        data: what it was trained on, in words.
        seed: of the training run.
        training: the whole configuration of the run, so that it can be repeated, and the sha256 of its data.
        metrics: what it reached, by name, such as ``{"val_recall@1": 0.83}``.
        versions: of the libraries it was trained with.
        created: when, as an ISO 8601 date.
        notes: anything else worth knowing, such as the licence of the data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal["nearid-extractor-1"] = FORMAT
    network: str = Field(min_length=1)
    head: Literal["none", "linear", "mlp"] = "none"
    options: dict[str, JsonValue] = Field(default_factory=dict)
    dimension: int = Field(ge=1)
    recipe: str
    mean: Mean
    std: Deviation
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    duplicate_score: float | None = Field(None, ge=-1, le=1)
    data: str = ""
    seed: int | None = None
    training: dict[str, JsonValue] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    notes: str = ""

    @model_validator(mode="after")
    def _one_number_a_channel(self) -> Self:
        if len(self.mean) != len(self.std) or len(self.mean) not in CHANNELS:
            raise ValueError(f"mean and std have {len(self.mean)} and {len(self.std)} numbers, not 3 each, or 9 each")
        return self

    @property
    def channels(self) -> int:
        """How many channels the network takes: 3 or 9."""
        return len(self.mean)


def read_card(path: Path) -> ModelCard:
    """Reads the card of a trained extractor.

    Raises:
        ExtractorUnavailableError: if it is not there or is not a card, naming the first things wrong with it.
    """
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExtractorUnavailableError(f"cannot read the model card {path}: {error.strerror or error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}" for problem in error.errors()[:3]
        )
        raise ExtractorUnavailableError(f"{path} is not the card of an extractor: {problems}") from error


def write_card(path: Path, card: ModelCard) -> None:
    """Writes a card as indented JSON with a final newline."""
    path.write_text(card.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")


def is_extractor_card(path: Path) -> bool:
    """Whether a JSON file gives itself out as the card of an extractor, in whatever version.

    A file that cannot be read as JSON counts too, so that it is listed with what is wrong with it.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return True
    return isinstance(content, dict) and str(content.get("format", "")).startswith("nearid-extractor")
