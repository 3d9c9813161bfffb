"""Which extractors there are: files of this package, checkpoints in a folder, timm's models. Nothing is loaded here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from difflib import get_close_matches
from pathlib import Path

import util.image_extract as package
from util.errors import ExtractorUnavailableError, UnknownExtractorError
from util.image_extract.base import Extractor

TIMM_PREFIX = "timm:"


def module_names() -> list[str]:
    """Names of the modules that are extractors, found by their file names alone."""
    found = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg}
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def checkpoint_names(models_dir: Path) -> list[str]:
    """Names of the extractors trained into a folder: ``NAME.safetensors`` with its card ``NAME.json``."""
    from util.networks.card import is_extractor_card

    weights = {path.stem for path in models_dir.glob("*.safetensors")}
    cards = {path.stem: is_extractor_card(path) for path in models_dir.glob("*.json")}
    return sorted(name for name in weights | cards.keys() if cards.get(name, True))


def extractor_class(name: str) -> type[Extractor]:
    """The extractor that a module of this package defines.

    Raises:
        ExtractorUnavailableError: if the module cannot be imported or does not define exactly one extractor.
    """
    try:
        module = importlib.import_module(f"{package.__name__}.{name}")
    except Exception as error:  # whatever the code of one file raises is that extractor's trouble, and told as such
        raise ExtractorUnavailableError(
            f"the extractor {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    defined = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, Extractor)
        and member.__module__ == module.__name__
        and not inspect.isabstract(member)
    ]
    if len(defined) != 1:
        names = ", ".join(sorted(member.__name__ for member in defined)) or "none"
        raise ExtractorUnavailableError(
            f"{module.__file__} must define exactly one class derived from Extractor with all its methods, "
            f"it defines {names}"
        )
    return defined[0]


def unknown(name: str, names: list[str]) -> UnknownExtractorError:
    """The error for a name that nothing answers to: what is meant most likely comes first."""
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    others = [other for other in names if other not in close]
    return UnknownExtractorError(
        f"no extractor is called {name!r}: there are {', '.join([*close, *others])} and {TIMM_PREFIX}NAME "
        "for any model of timm"
    )
