"""Convolutional networks up to their last feature map: image batches in, float (N, C, h, w) out.

What pooling and attention rest on. Parameters keep the names they have in ``util.networks.trunks``, so the same
weights fit.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision.models
from torch import nn

from util.errors import InvalidInputError
from util.networks.timm_models import TimmModel
from util.networks.trunks import find_trunk

AFTER_THE_MAP = ("avgpool", "fc")
"""Modules of torchvision's ResNets that come after the map."""


def build_feature_map(name: str) -> tuple[nn.Module, int]:
    """A network with random weights that ends with its last map, and how many channels that has.

    It takes float (N, 3, H, W), RGB, already normalised, and returns (N, C, h, w). AlexNet and VGG lose the maximum
    pooling at their end, as in Radenović et al. (arXiv:1711.02512): a finer map, and all of it after a ReLU.

    Args:
        name: a key of ``util.networks.trunks.TRUNKS``, or ``timm:NAME``.

    Raises:
        UnknownExtractorError: if there is no such network.
        InvalidInputError: if it has no map, as most transformers have none.
    """
    known = find_trunk(name)
    if isinstance(known, TimmModel):
        return _timm_map(known)
    return torchvision_map(name), known.dimension


def torchvision_map(name: str) -> nn.Module:
    """The map of a torchvision network: float (N, 3, H, W) to (N, C, h, w).

    Args:
        name: as ``torchvision.models.get_model`` takes it.

    Raises:
        InvalidInputError: if it is none of torchvision's, or has no map.
    """
    network = torchvision.models.get_model(name, weights=None) if name in torchvision.models.list_models() else None
    if isinstance(network, torchvision.models.ResNet):
        return nn.Sequential(
            OrderedDict((part, module) for part, module in network.named_children() if part not in AFTER_THE_MAP)
        )
    features = getattr(network, "features", None)
    if not isinstance(features, nn.Sequential):
        raise _no_map(name)
    return nn.Sequential(OrderedDict(features=features[:-1] if isinstance(features[-1], nn.MaxPool2d) else features))


def _timm_map(model: TimmModel) -> tuple[nn.Module, int]:
    # First without memory or arithmetic: only running a model tells what timm returns without its pooling.
    with torch.device("meta"):
        network = _unpooled(model).eval()
        features = network(torch.empty(1, 3, *model.size))
    if features.ndim != 4 or features.shape[1] != network.head_hidden_size:
        raise _no_map(f"timm:{model.name}")
    return _unpooled(model), features.shape[1]


def _unpooled(model: TimmModel) -> nn.Module:
    import timm

    try:
        network: nn.Module = timm.create_model(model.name, pretrained=False, num_classes=0, global_pool="")
    except (TypeError, ValueError, AssertionError) as error:
        raise _no_map(f"timm:{model.name}") from error
    return network


def _no_map(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"{name!r} ends with no map of channels that could be pooled, only convolutional networks do: "
        "name one of them, such as 'resnet50' or 'timm:resnet18', or use it without pooling"
    )
