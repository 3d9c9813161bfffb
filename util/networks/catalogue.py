"""Every network by its name: those written here, torchvision's and timm's trunks; how each is built from a card.

A network takes float tensors (N, C, H, W), normalised, and returns (N, dimension), not yet of unit length.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from util.errors import InvalidInputError, UnknownExtractorError
from util.networks.timm_models import Size
from util.networks.trunks import TIMM_PREFIX, TRUNKS, find_trunk
from util.plugins import closest_first

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """What is known of a network without importing it.

    Attributes:
        module: of ``util.networks``, where its class is.
        name: of the class, whose constructor takes keywords only, ``dimension`` among them.
        summary: one line for a person.
        dimension: length of the embedding where nobody asks for another.
        size: height and width of the images it was designed for.
        smallest: least height and width it can take.
        channels: how many input channels it can have, the usual first.
        verifies: whether it also says if two images show the same item.
    """

    module: str
    name: str
    summary: str
    dimension: int
    size: int
    smallest: int
    channels: tuple[int, ...] = (3,)
    verifies: bool = False

    @property
    def recipe(self) -> str:
        """Its preprocessing where nobody asks for another."""
        nine = ", channels=exposure" if self.channels[0] == 9 else ""
        return f"square, resize={self.size}{nine}"

    def load_class(self) -> type[nn.Module]:
        """The class; imports torch."""
        found: type[nn.Module] = getattr(importlib.import_module(f"util.networks.{self.module}"), self.name)
        return found


NETWORKS: Mapping[str, NetworkKind] = {
    "compact_resnet": NetworkKind(
        "compact_resnet", "CompactResNet", "a ResNet-18 of half the weight: for training from scratch", 512, 160, 32,
        (3, 9),
    ),
    "alexnet_original": NetworkKind(
        "alexnet", "AlexNet", "AlexNet of the original size, trained from scratch", 256, 224, 63, (3, 9)
    ),
    "alphaalexnet": NetworkKind(
        "alexnet", "AlphaAlexNet", "AlexNet on nine channels: the image, its shadows lit, its lights dimmed", 256, 224,
        63, (9,),
    ),
    "siamese_alexnet": NetworkKind(
        "siamese", "SiameseAlexNet", "AlexNet embeddings and a head that says same or different", 512, 224, 63, (3, 9),
        verifies=True,
    ),
    "siamese_vgg16": NetworkKind(
        "siamese", "SiameseVGG16", "VGG16 embeddings and a head that says same or different", 512, 224, 32, (3, 9),
        verifies=True,
    ),
    "siamese_cnn": NetworkKind("siamese_cnn", "SiameseCNN", "a small network of two convolutions", 128, 64, 20),
    "deepranking": NetworkKind(
        "deepranking", "DeepRanking", "VGG16 and two shallow branches at coarser scales", 4096, 224, 64
    ),
    "solar": NetworkKind(
        "solar", "Solar", "ResNet with second-order attention, GeM and whitening: landmarks", 2048, 362, 64
    ),
    "la_transformer": NetworkKind(
        "la_transformer", "LATransformer", "a vision transformer whose parts are told apart by place", 768, 224, 224
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InputLimits:
    """What a network can take.

    Attributes:
        smallest: least height and width.
        only: the one size (height, width), where that is so.
        channels: how many input channels.
        classifier: what the names of weights begin with that a file may hold and an extractor has no use for.
    """

    smallest: int
    only: Size | None
    channels: tuple[int, ...]
    classifier: tuple[str, ...] = ()


def network_names() -> list[str]:
    """The names of all networks but timm's."""
    return [*NETWORKS, *TRUNKS]


def input_limits(name: str) -> InputLimits:
    """What a network can take, without making it.

    Args:
        name: a key of ``NETWORKS`` or ``TRUNKS``, or ``timm:NAME``.

    Raises:
        UnknownExtractorError: if there is no such network.
    """
    if name in NETWORKS:
        return InputLimits(NETWORKS[name].smallest, None, NETWORKS[name].channels)
    trunk = _trunk(name)
    return InputLimits(trunk.smallest, trunk.only, (3,), trunk.classifier)


def build_network(
    name: str, *, dimension: int, channels: int = 3, head: str = "none", options: Mapping[str, Any] | None = None
) -> nn.Module:
    """A network with random weights.

    Args:
        name: a key of ``NETWORKS`` or ``TRUNKS``, or ``timm:NAME``.
        dimension: length of the embedding.
        channels: of its input.
        head: of a trunk: ``none``, ``linear`` or ``mlp``; a network of ``NETWORKS`` has its own.
        options: what the constructor of its class takes besides; for a trunk, what ``Embedder`` takes.

    Raises:
        UnknownExtractorError: if there is no such network.
        InvalidInputError: if it takes no such option, or not so many channels.
        ExtractorUnavailableError: if a trunk without a head has another dimension.
    """
    given = dict(options or {})
    accepted = input_limits(name).channels
    if channels not in accepted:
        raise InvalidInputError(
            f"the network {name!r} takes images of {' or '.join(map(str, accepted))} channels, not {channels}: "
            f"{'end its recipe in channels=exposure' if 9 in accepted else 'leave channels= out of its recipe'}"
        )
    if name not in NETWORKS:
        from util.networks.embedder import Embedder

        _require_options(name, Embedder.of_trunk, given)
        return Embedder.of_trunk(name, dimension=dimension, head=head, **given)
    factory = NETWORKS[name].load_class()
    if channels != NETWORKS[name].channels[0]:
        given["channels"] = channels
    _require_options(name, factory, given)
    return factory(dimension=dimension, **given)


def _trunk(name: str) -> Any:
    if name in TRUNKS or name.startswith(TIMM_PREFIX):
        return find_trunk(name)
    raise UnknownExtractorError(
        f"no network is called {name!r}: there are {', '.join(closest_first(name, network_names()))} and "
        f"{TIMM_PREFIX}NAME for any model of timm"
    )


def _require_options(name: str, factory: Any, given: Mapping[str, Any]) -> None:
    taken = [key for key in inspect.signature(factory).parameters if key not in ("trunk_name", "dimension", "head")]
    for key in given:
        if key not in taken:
            raise InvalidInputError(f"the network {name!r} takes no option {key!r}: it takes {', '.join(taken)}")
