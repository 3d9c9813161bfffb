"""The networks an extractor can rest on, by name: image batches in, one vector an image out.

A trunk takes float tensors (N, 3, H, W), RGB, already normalised, and returns (N, dimension), not yet of unit
length. The parameters of torchvision's networks keep the names they have there; only the classifier is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from util.errors import UnknownExtractorError
from util.networks.timm_models import Size, TimmModel, timm_model

if TYPE_CHECKING:
    from torch import nn

TIMM_PREFIX = "timm:"
DOWNLOADS = "https://download.pytorch.org/models/"


@dataclass(frozen=True, slots=True)
class Trunk:
    """What is known of a torchvision network without loading it.

    Attributes:
        dimension: length of what it returns.
        weights: its pretrained weights, as ``torchvision.models.get_weight`` takes them.
        file: name of their file, in the cache as on the server.
        classifier: what the names of the parameters that are left out begin with.
        smallest: least height and width it can take.
        only: the one size it can take, where that is so.
        build: makes it, with random weights.
    """

    dimension: int
    weights: str
    file: str
    classifier: tuple[str, ...]
    build: Callable[[], nn.Module]
    smallest: int = 1
    only: Size | None = None

    @property
    def url(self) -> str:
        """Where the pretrained weights are downloaded from."""
        return DOWNLOADS + self.file


def _convolutions(name: str, *, maximum: bool) -> Callable[[], nn.Module]:
    """A network's ``features``, and of each of their maps the maximum or the mean."""

    def build() -> nn.Module:
        from collections import OrderedDict

        import torchvision.models
        from torch import nn

        pool = nn.AdaptiveMaxPool2d(1) if maximum else nn.AdaptiveAvgPool2d(1)
        features = torchvision.models.get_model(name, weights=None).features
        return nn.Sequential(OrderedDict(features=features, pool=pool, flatten=nn.Flatten()))

    return build


def _without(name: str, classifier: str) -> Callable[[], nn.Module]:
    """A network whose last module hands through what comes in."""

    def build() -> nn.Module:
        import torchvision.models
        from torch import nn

        network: nn.Module = torchvision.models.get_model(name, weights=None)
        setattr(network, classifier, nn.Identity())
        return network

    return build


TRUNKS = {
    "alexnet": Trunk(
        dimension=256,
        weights="AlexNet_Weights.IMAGENET1K_V1",
        file="alexnet-owt-7be5be79.pth",
        classifier=("classifier.",),
        build=_convolutions("alexnet", maximum=True),
        smallest=63,
    ),
    "vgg16": Trunk(
        dimension=512,
        weights="VGG16_Weights.IMAGENET1K_V1",
        file="vgg16-397923af.pth",
        classifier=("classifier.",),
        build=_convolutions("vgg16", maximum=True),
        smallest=32,
    ),
    "resnet50": Trunk(
        dimension=2048,
        weights="ResNet50_Weights.IMAGENET1K_V1",
        file="resnet50-0676ba61.pth",
        classifier=("fc.",),
        build=_without("resnet50", "fc"),
    ),
    "efficientnet_b0": Trunk(
        dimension=1280,
        weights="EfficientNet_B0_Weights.IMAGENET1K_V1",
        file="efficientnet_b0_rwightman-7f5810bc.pth",
        classifier=("classifier.",),
        build=_convolutions("efficientnet_b0", maximum=False),
    ),
    "vit_b_16": Trunk(
        dimension=768,
        weights="ViT_B_16_Weights.IMAGENET1K_V1",
        file="vit_b_16-c867db91.pth",
        classifier=("heads.",),
        build=_without("vit_b_16", "heads"),
        only=(224, 224),
    ),
    "mobilenet_v3_small": Trunk(
        dimension=576,
        weights="MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        file="mobilenet_v3_small-047dcff4.pth",
        classifier=("classifier.",),
        build=_convolutions("mobilenet_v3_small", maximum=False),
    ),
}


def find_trunk(name: str) -> Trunk | TimmModel:
    """What is known of a trunk without making it.

    Args:
        name: a key of ``TRUNKS``, or ``timm:NAME``.

    Raises:
        UnknownExtractorError: if there is no such network.
    """
    if name.startswith(TIMM_PREFIX):
        return timm_model(name.removeprefix(TIMM_PREFIX))
    if name not in TRUNKS:
        raise UnknownExtractorError(
            f"no network is called {name!r}: there are {', '.join(TRUNKS)} and {TIMM_PREFIX}NAME for any model of timm"
        )
    return TRUNKS[name]


def build_trunk(name: str) -> tuple[nn.Module, int]:
    """A trunk with random weights, and the length of what it returns.

    Args:
        name: a key of ``TRUNKS``, or ``timm:NAME``.

    Raises:
        UnknownExtractorError: if there is no such network.
    """
    trunk = find_trunk(name)
    if isinstance(trunk, TimmModel):
        return trunk.build(pretrained=False)
    return trunk.build(), trunk.dimension
