"""DeepRanking: the branches' sizes are the paper's, and what they see is what they should."""

import numpy as np
import pytest
import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.deepranking import DeepRanking

SMALL = {"dimension": 12, "hidden": 16}


def seeded(**options):
    torch.manual_seed(0)
    return DeepRanking(**(SMALL | options)).eval()


@pytest.mark.parametrize("subsample", [True, False])
def test_parameters(subsample):
    vgg, shallow = 14_714_688 + 513 * 4096 + 4097 * 4096, 96 * (8 * 8 * 3 + 1)
    with torch.device("meta"):
        network = DeepRanking(subsample=subsample)
        assert network(torch.empty(2, 3, 224, 224)).shape == (2, 4096)
    assert sum(weight.numel() for weight in network.parameters()) == vgg + 2 * shallow + (3072 + 4096 + 1) * 4096


@pytest.mark.parametrize("subsample", [True, False])
@pytest.mark.parametrize(("branch", "side"), [("quarter", 14), ("eighth", 7)])
def test_sizes_of_the_shallow_branches(subsample, branch, side):
    layers = getattr(seeded(subsample=subsample), branch)
    maps = layers[1](layers[0](torch.randn(1, 3, 224, 224)))
    assert maps.shape == (1, 96, side, side)
    pooled = layers[2](maps)
    assert pooled.shape == (1, 96, 4, 4)
    assert torch.equal(layers[3](pooled), pooled)


@pytest.mark.parametrize(("branch", "factor", "size", "stride"), [("quarter", 4, 3, 4), ("eighth", 8, 7, 2)])
def test_a_shallow_branch_written_out(branch, factor, size, stride):
    layers, image = getattr(seeded(), branch), torch.randn(3, 224, 224)
    side = 224 // factor
    small = image.numpy().reshape(3, side, factor, side, factor).mean(axis=(2, 4))
    maps = same_windows(small, 8, 4, 0.0)  # (rows, columns, 3, 8, 8)
    weight, bias = (array.detach().numpy() for array in (layers[1].weight, layers[1].bias))
    convolved = np.einsum("rcijk,mijk->mrc", maps, weight) + bias[:, None, None]
    pooled = same_windows(convolved, size, stride, -np.inf).max(axis=(3, 4))  # (4, 4, 96)
    expected = torch.from_numpy(pooled.transpose(2, 0, 1).reshape(-1)).float()
    torch.testing.assert_close(layers(image[None])[0], expected, rtol=1e-4, atol=1e-4)


def same_windows(maps, size, stride, fill):
    """Windows as TensorFlow's padding "same" lays them: (C, H, W) to (rows, columns, C, size, size)."""
    count = -(-maps.shape[1] // stride)
    missing = max((count - 1) * stride + size - maps.shape[1], 0)
    edges = (missing // 2, missing - missing // 2)
    padded = np.pad(maps, ((0, 0), edges, edges), constant_values=fill)
    starts = range(0, count * stride, stride)
    return np.array([[padded[:, y : y + size, x : x + size] for x in starts] for y in starts])


def test_each_branch_has_unit_length_before_they_are_joined():
    network, images = seeded(), torch.randn(2, 3, 64, 64)
    seen = []
    network.head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network(images)
    for part in seen[0].split([1536, 1536, 16], dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(2))


def test_the_prior_branches_leave_most_pixels_out():
    whole, prior = seeded(), seeded(subsample=False)
    prior.load_state_dict(whole.state_dict())
    between = torch.zeros(1, 3, 224, 224)
    between[..., 16:32, 16:32] = 1
    between[..., 16:24, 16:24] = 0  # the only pixels of this square under a window of 8×8 with a stride of 16
    dark = torch.zeros(1, 3, 224, 224)
    assert torch.equal(prior.quarter(between), prior.quarter(dark))
    assert not torch.equal(whole.quarter(between), whole.quarter(dark))


@pytest.mark.parametrize("size", [32, 50, 129])
@pytest.mark.parametrize("subsample", [True, False])
def test_other_sizes(size, subsample):
    assert seeded(subsample=subsample)(torch.randn(1, 3, size, size)).shape == (1, 12)


def test_gradients_reach_every_parameter():
    network = seeded(channels=9)
    network(torch.randn(2, 9, 64, 64)).sum().backward()
    assert [name for name, weight in network.named_parameters() if not weight.grad.any()] == []


def test_dropout_leaves_out_what_the_paper_does():
    shares = [layer.p for layer in seeded().modules() if isinstance(layer, nn.Dropout)]
    assert shares == [0.4, 0.4]


def test_other_channels_are_refused():
    with pytest.raises(InvalidInputError, match=r"\(N, 3, H, W\)"):
        seeded()(torch.zeros(1, 9, 64, 64))
