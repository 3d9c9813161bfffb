"""Weights for three channels made to take nine."""

import pytest
import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.first_convolution import require_channels, widen_first_convolution, widen_state, widened


def test_three_equal_images_give_what_one_gave():
    torch.manual_seed(0)
    narrow, wide = nn.Conv2d(3, 8, 5, stride=2), nn.Conv2d(9, 8, 5, stride=2)
    wide.load_state_dict({"weight": widened(narrow.weight.detach()), "bias": narrow.bias.detach()})
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(wide(images.repeat(1, 3, 1, 1)), narrow(images))


def test_each_image_counts_for_a_third():
    weight = torch.arange(1.0, 13).reshape(2, 3, 1, 2)
    for group in widened(weight).split(3, dim=1):
        torch.testing.assert_close(group, weight / 3)


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_is_widened_in_place(bias):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=bias), nn.ReLU()), nn.Conv2d(4, 2, 3))
    images = torch.randn(2, 3, 8, 8)
    before = network(images)
    assert widen_first_convolution(network) is network[0][0]
    assert network[0][0].in_channels == 9
    torch.testing.assert_close(network(images.repeat(1, 3, 1, 1)), before)
    assert network[1].weight.shape == (2, 4, 3, 3)


def test_only_what_lacks_channels_is_widened():
    state = {"first": torch.ones(4, 3, 5, 5), "second": torch.ones(3, 3, 5, 5), "other": torch.ones(4, 3, 5, 5)}
    wanted = {"first": torch.empty(4, 9, 5, 5), "second": torch.empty(3, 3, 5, 5), "other": torch.empty(4, 9, 7, 7)}
    shapes = {name: tuple(weight.shape) for name, weight in widen_state(state | {"fc": torch.ones(3)}, wanted).items()}
    assert shapes == {"first": (4, 9, 5, 5), "second": (3, 3, 5, 5), "other": (4, 3, 5, 5), "fc": (3,)}


@pytest.mark.parametrize("channels", [4, 2, 0])
def test_no_multiple_is_refused(channels):
    with pytest.raises(InvalidInputError, match="multiple"):
        widened(torch.ones(4, 3, 5, 5), channels)


def test_a_network_without_convolutions_is_refused():
    with pytest.raises(InvalidInputError, match="holds no convolution"):
        widen_first_convolution(nn.Linear(3, 3))


@pytest.mark.parametrize(
    ("shape", "channels", "part"),
    [
        (
            (1, 3, 8, 8),
            9,
            "over-exposure corrected; given was a shape of \\(1, 3, 8, 8\\): end the recipe in channels=exp",
        ),
        ((1, 9, 8, 8), 3, "images \\(N, 3, H, W\\); given was a shape of \\(1, 9, 8, 8\\)"),
        ((3, 8, 8), 3, "given was a shape of \\(3, 8, 8\\)"),
    ],
)
def test_other_shapes_are_refused(shape, channels, part):
    with pytest.raises(InvalidInputError, match=part):
        require_channels(torch.empty(shape), channels)
