"""From a name and options to an extractor."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from util.errors import InvalidInputError
from util.image_extract._catalogue import EXTRACTORS, TIMM_PREFIX, checkpoint_names, unknown
from util.image_extract.base import Extractor


def load_extractor(name: str, models_dir: Path, options: Mapping[str, Any]) -> Extractor:
    """Loads what goes by a name; see ``util.image_extract.load``."""
    if name.startswith(TIMM_PREFIX):
        from util.image_extract._timm import TimmExtractor

        return _make(TimmExtractor, {"model": name.removeprefix(TIMM_PREFIX)}, options, name)
    modules, checkpoints = EXTRACTORS.names(), checkpoint_names(models_dir)
    if name in modules:
        return _make(EXTRACTORS.load_class(name), {}, options, name)
    if name in checkpoints:
        from util.image_extract._checkpoint import CheckpointExtractor

        return _make(CheckpointExtractor, {"name": name, "models_dir": models_dir}, options, name)
    raise unknown(name, modules + checkpoints)


def _make(kind: type[Extractor], own: Mapping[str, Any], options: Mapping[str, Any], name: str) -> Extractor:
    taken = [key for key in inspect.signature(kind).parameters if key not in own]
    for option in options:
        if option not in taken:
            raise InvalidInputError(f"the extractor {name!r} takes no option {option!r}: it takes {', '.join(taken)}")
    return kind(**own, **options)
