"""The MLP embedder against its matrices written out."""

import pytest
import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.mlp import MLP


def linears(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network if isinstance(module, nn.Linear)]


@pytest.mark.parametrize("widths", [(5,), (5, 4), (7, 6, 3)])
def test_is_linear_layers_with_relu_between_them(widths):
    network, inputs = MLP(inputs=8, widths=widths).eval(), torch.randn(10, 8)
    expected = inputs
    *hidden, last = linears(network)
    for layer in hidden:
        expected = (expected @ layer.weight.T + layer.bias).clamp(min=0)
    expected = expected @ last.weight.T + last.bias
    torch.testing.assert_close(network(inputs), expected)
    assert network(inputs).shape == (10, widths[-1])


def test_the_first_layer_sees_negative_values_too():
    network = MLP(inputs=4, widths=(6, 2)).eval()
    inputs = -torch.rand(3, 4)
    assert not torch.allclose(network(inputs), network(inputs.clamp(min=0)))


def test_batch_norm_and_dropout_come_around_each_relu_and_never_after_the_last_layer():
    network = MLP(inputs=4, widths=(3, 3, 2), batch_norm=True, dropout=0.5)
    between = [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]
    assert [type(module) for module in network] == [*between, *between, nn.Linear]
    assert len(set(map(id, network))) == len(network)


@pytest.mark.parametrize(
    "options",
    [{"widths": ()}, {"widths": (3, 0)}, {"inputs": 0}, {"dropout": 1.0}, {"dropout": -0.1}],
)
def test_impossible_layers_are_refused(options):
    with pytest.raises(InvalidInputError, match="at least one width, all 1 or more, and a dropout in"):
        MLP(**{"inputs": 4, "widths": (3,), **options})
