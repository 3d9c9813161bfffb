"""What a network knows before it learns: nothing, what ImageNet taught it, or what an earlier run did."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.networks.first_convolution import widen_state
from util.networks.pretrained import cached_file, pretrained_state
from util.networks.states import State, fit_state, read_state
from util.networks.timm_models import timm_model
from util.networks.trunks import TIMM_PREFIX, TRUNKS
from util.training.configuration import TrainingConfig
from util.training.freezing import trunk_of

_SAME_FEATURES = {"siamese_alexnet": "alexnet", "siamese_vgg16": "vgg16"}
"""Networks of our own whose convolutions are those of torchvision's."""


def start_network(network: nn.Module, config: TrainingConfig) -> nn.Module:
    """Gives a network the weights it starts from, as ``config.start_from`` says.

    Raises:
        WeightsMissingError: if pretrained weights are neither here nor downloadable, or a file is not there.
        InvalidInputError: if there are no pretrained weights for this network.
        ExtractorUnavailableError: if a file is of another network.
    """
    if config.start_from == "random":
        return network
    if config.start_from == "pretrained":
        _start_pretrained(network, config.network)
    else:
        path = Path(config.start_from)
        _start_from_file(network, read_state(path), path)
    return network


def _start_pretrained(network: nn.Module, name: str) -> None:
    trunk = trunk_of(network)
    if name.startswith(TIMM_PREFIX):
        model, _ = timm_model(name.removeprefix(TIMM_PREFIX)).build(pretrained=True)
        _require_some(_taken(trunk, model.state_dict()), f"timm's {name}")
        return
    source = _SAME_FEATURES.get(name, name)
    if source not in TRUNKS:
        raise InvalidInputError(
            f"there are no published weights for {name}: start_from=random, or the path of weights of the same network"
        )
    state = pretrained_state(source)
    inner = {key.removeprefix("features."): value for key, value in state.items()} if source != name else state
    _require_some(_taken(trunk, inner), str(cached_file(source)))


def _start_from_file(network: nn.Module, state: State, path: Path) -> None:
    """All weights that fit by name and shape: another number of classes or dimensions is what starting anew means."""
    _require_some(_taken(network, state), str(path))


def _taken(network: nn.Module, state: State) -> float:
    """Takes over what fits, three channels widened to nine; returns the share of the network's weights it makes up."""
    wanted = network.state_dict()
    fitting = {
        name: value
        for name, value in widen_state(state, wanted).items()
        if name in wanted and value.shape == wanted[name].shape
    }
    fit_state(network, {**wanted, **fitting}, source="the weights to start from")
    network.requires_grad_(True)
    whole = sum(value.numel() for value in wanted.values())
    return float(sum(value.numel() for value in fitting.values()) / max(1, whole))


def _require_some(share: float, source: str) -> None:
    if share < 0.1:
        raise ExtractorUnavailableError(
            f"the weights in {source} are of another network: {share:.0%} of this network's weights are among them"
        )
