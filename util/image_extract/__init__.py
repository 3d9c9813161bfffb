"""Extractors: images to embeddings. One file in this folder is one extractor, imported only when asked for.

>>> from util.image_extract import available, load
>>> "phash" in available()
True
>>> load("phash").dimension
64
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from util.image_extract._describing import ExtractorInfo
    from util.image_extract.base import Extractor
    from util.preprocess.recipe import Recipe

MODELS_DIR = Path("models")

__all__ = ["available", "describe", "load"]


def available(models_dir: Path = MODELS_DIR) -> list[str]:
    """Names of the extractors: the files of this package, then the checkpoints in a folder; nothing is imported.

    Besides these, ``timm:NAME`` is any model of timm.

    Args:
        models_dir: folder of trained weights and their cards; it need not be there.
    """
    from util.image_extract._catalogue import EXTRACTORS, checkpoint_names

    modules = EXTRACTORS.names()
    return modules + [name for name in checkpoint_names(models_dir) if name not in modules]


def load(
    name: str,
    *,
    recipe: str | Recipe | None = None,
    device: str = "auto",
    models_dir: Path = MODELS_DIR,
    **options: Any,
) -> Extractor:
    """Loads an extractor.

    Args:
        name: one of ``available()``, or ``timm:NAME`` for a model of timm.
        recipe: preprocessing in place of the extractor's own, such as ``"background=grabcut, crop, square,
            resize=224"``.
        device: where networks run: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        models_dir: folder of trained weights and their cards.
        **options: what this extractor takes besides. All that rest on a network take ``weights``: ``"pretrained"``,
            a path, or ``"random"`` (with ``seed``), which is for measuring speed only.

    Raises:
        UnknownExtractorError: if there is none of this name; lists those there are, the closest first.
        WeightsMissingError: if its weights are neither here nor downloadable; says which file to put where.
        ExtractorUnavailableError: if it cannot be loaded for another reason.
        InvalidInputError: if it does not take an option, or the device is not there.
    """
    from util.image_extract._loading import load_extractor

    return load_extractor(name, models_dir, {"recipe": recipe, "device": device, **options})


def describe(models_dir: Path = MODELS_DIR, *, name: str | None = None) -> list[ExtractorInfo]:
    """What can be loaded, with dimension, recipe, and whether the weights are here or how to get them.

    An extractor whose file cannot be imported is listed with its error and spoils nothing for the others.

    Args:
        models_dir: folder of trained weights and their cards; it need not be there.
        name: describes this extractor alone, without importing the others; nothing where there is none.
    """
    from util.image_extract._describing import describe_extractors

    return describe_extractors(models_dir, name=name)
