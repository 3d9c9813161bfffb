"""timm's models without their classifiers, and what timm knows of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from util.errors import UnknownExtractorError

if TYPE_CHECKING:
    from torch import nn

Size = tuple[int, int]
"""(height, width) in pixels."""

SMALLEST_MAP = 32
"""Height and width that timm's convolutional networks commonly reduce to a single point."""


@dataclass(frozen=True, slots=True)
class TimmModel:
    """timm's ``pretrained_cfg`` of a model, as far as an extractor needs it.

    Attributes:
        name: as ``timm.create_model`` takes it, with or without the tag of its weights.
        size: of the images it was trained with.
        smallest: least height and width it can take.
        only: the one size it can take, where that is so.
        mean: of red, green and blue, on the scale from 0 to 1.
        std: of red, green and blue, on the scale from 0 to 1.
        classifier: what the names of the classifier's parameters begin with.
        has_weights: whether timm has pretrained weights for it.
        repository: where they are on huggingface.co; ``None`` where they are elsewhere.
    """

    name: str
    size: Size
    smallest: int
    only: Size | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    classifier: tuple[str, ...]
    has_weights: bool
    repository: str | None

    def build(self, *, pretrained: bool) -> tuple[nn.Module, int]:
        """The model, and the length of what it returns: float (N, 3, H, W), normalised RGB, to (N, length).

        Args:
            pretrained: whether timm downloads its weights, or takes them from the cache; random ones otherwise.
        """
        import timm

        network: nn.Module = timm.create_model(self.name, pretrained=pretrained, num_classes=0)
        # What comes out without a classifier: not always ``num_features``, some models have a layer in between.
        return network, int(network.head_hidden_size)  # type: ignore[arg-type]


def timm_model(name: str) -> TimmModel:
    """Looks a model up without making it.

    Args:
        name: as ``timm.create_model`` takes it.

    Raises:
        UnknownExtractorError: if timm has no such model, or no such weights for it; names the closest.
    """
    from timm.models import get_pretrained_cfg

    _require_known(name)
    config = cast(Any, get_pretrained_cfg(name))  # every registered model has one
    _, height, width = config.input_size
    classifier = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    return TimmModel(
        name=name,
        size=(height, width),
        smallest=max(config.min_input_size[1:]) if config.min_input_size else SMALLEST_MAP,
        only=(height, width) if config.fixed_input_size else None,
        mean=config.mean,
        std=config.std,
        classifier=tuple(f"{prefix}." for prefix in classifier),
        has_weights=bool(config.has_weights),
        repository=config.hf_hub_id,
    )


def _require_known(name: str) -> None:
    import timm

    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        close = ", ".join(get_close_matches(model, timm.list_models(), n=5)) or "timm.list_models() names all"
        raise UnknownExtractorError(f"timm has no model {model!r}; close to it: {close}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{model}.*")]
    if tag and tag not in tags:
        raise UnknownExtractorError(
            f"timm has no weights {tag!r} for {model!r}; there are: {', '.join(tags) or 'none'}"
        )
