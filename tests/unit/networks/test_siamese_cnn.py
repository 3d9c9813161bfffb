"""The small network of two convolutions."""

import pytest
import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.siamese_cnn import SiameseCNN


def seeded(**options):
    torch.manual_seed(0)
    return SiameseCNN(**options).eval()


@pytest.mark.parametrize("size", [16, 20, 64, 65, 224])
def test_every_size_gives_the_same_length_with_the_same_weights(size):
    network = seeded()
    assert network(torch.randn(2, 3, size, size)).shape == (2, 128)
    # 3→32 and 32→64 at 5×5, three PReLUs, 64·13·13→512→128
    assert sum(w.numel() for w in network.parameters()) == 2_432 + 51_264 + 3 + 5_538_304 + 65_664


def test_at_64_pixels_the_pooling_changes_nothing():
    network, images = seeded(dimension=10, hidden=16), torch.randn(2, 3, 64, 64)
    assert network.features(images).shape == (2, 64, 13, 13)
    torch.testing.assert_close(network(images), network.head(network.features(images).flatten(1)))


def test_the_layers_written_out():
    network, images = seeded(dimension=6, grid=1, hidden=8), torch.randn(2, 3, 20, 24)
    maps = images
    for place in (0, 4):
        convolution, slope = network.features[place], network.features[place + 1].weight
        maps = nn.functional.conv2d(maps, convolution.weight, convolution.bias)
        maps = nn.functional.max_pool2d(torch.where(maps > 0, maps, slope * maps), 2)
    hidden = network.head[0](maps.mean(dim=(2, 3)))
    hidden = torch.where(hidden > 0, hidden, 0.25 * hidden)
    torch.testing.assert_close(network(images), network.head[2](hidden))


def test_gradients_reach_every_parameter():
    network = seeded(dimension=4, channels=9, grid=2, hidden=8)
    network(torch.randn(2, 9, 24, 24)).sum().backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.any()] == []


def test_training_leaves_values_out_and_embedding_does_not():
    network, images = seeded(dimension=4, grid=2, hidden=8), torch.randn(2, 3, 24, 24)
    assert torch.equal(network(images), network(images))
    network.train()
    assert not torch.equal(network(images), network(images))


def test_other_channels_are_refused():
    with pytest.raises(InvalidInputError, match=r"\(N, 3, H, W\)"):
        seeded(hidden=8)(torch.zeros(1, 4, 24, 24))
