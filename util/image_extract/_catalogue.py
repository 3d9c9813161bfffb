"""Which extractors there are: files of this package, checkpoints in a folder, timm's models. Nothing is loaded here."""

from __future__ import annotations

from pathlib import Path

import util.image_extract as package
from util.errors import ExtractorUnavailableError, UnknownExtractorError
from util.image_extract.base import Extractor
from util.plugins import PluginPackage, closest_first

TIMM_PREFIX = "timm:"

# mypy fears that what is given as a class is also made; it is only looked for in bases.
EXTRACTORS = PluginPackage(package, Extractor, "extractor", ExtractorUnavailableError)  # type: ignore[type-abstract]


def checkpoint_names(models_dir: Path) -> list[str]:
    """Names of the extractors trained into a folder: ``NAME.safetensors`` with its card ``NAME.json``."""
    from util.networks.card import is_extractor_card

    weights = {path.stem for path in models_dir.glob("*.safetensors")}
    cards = {path.stem: is_extractor_card(path) for path in models_dir.glob("*.json")}
    return sorted(name for name in weights | cards.keys() if cards.get(name, True))


def unknown(name: str, names: list[str]) -> UnknownExtractorError:
    """The error for a name that nothing answers to: what is meant most likely comes first."""
    return UnknownExtractorError(
        f"no extractor is called {name!r}: there are {', '.join(closest_first(name, names))} and {TIMM_PREFIX}NAME "
        "for any model of timm"
    )
