"""Random weights that a deep network without batch norm can be trained from."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def he_initialised(network: Network) -> Network:
    """The same network, its convolutions and linear layers drawn anew: normal, variance 2 / inputs, no bias.

    What goes through layers of ReLU then keeps its scale, however many there are (K. He et al., "Delving Deep into
    Rectifiers", ICCV 2015, arXiv:1502.01852); with torch's own defaults it shrinks from layer to layer.

    Args:
        network: changed in place.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
