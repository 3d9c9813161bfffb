"""Several scales as one embedding, against the same steps in numpy."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError
from util.networks.multiscale import MultiScale


class Statistics(nn.Module):
    """Mean and spread of each channel and the mean of the left third: depends on scale and on mirroring."""

    def forward(self, images):
        left = images[..., : images.shape[3] // 3].mean(dim=(2, 3))
        return torch.cat([images.mean(dim=(2, 3)), images.std(dim=(2, 3)), left], dim=1)


@pytest.fixture
def images():
    return torch.randn(3, 3, 24, 33, generator=torch.Generator().manual_seed(4))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("power", [1, 3, 0.5])
def test_is_the_power_mean_of_unit_embeddings(images, power, flip):
    network = Statistics()
    embedded = MultiScale(network, scales=(1, 16 / 24, 33 / 24), power=power, flip=flip)(images)
    views = [images, *(functional.interpolate(images, size=size, mode="bilinear") for size in [(16, 22), (33, 45)])]
    views += [view.flip(3) for view in views] if flip else []
    rows = np.stack([unit(network(view).numpy().astype(np.float64)) for view in views])
    mean = (np.sign(rows) * np.abs(rows) ** power).mean(axis=0)
    expected = unit(np.sign(mean) * np.abs(mean) ** (1 / power))
    np.testing.assert_allclose(embedded, expected, rtol=1e-4, atol=1e-5)


def test_one_scale_is_the_network_itself_at_unit_length(images):
    embedded = MultiScale(Statistics(), scales=(1,))(images)
    torch.testing.assert_close(embedded, functional.normalize(Statistics()(images), dim=1))


def test_with_flips_a_mirrored_image_has_the_same_embedding(images):
    flipping, plain = MultiScale(Statistics(), flip=True), MultiScale(Statistics())
    torch.testing.assert_close(flipping(images), flipping(images.flip(3)), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(plain(images), plain(images.flip(3)), rtol=1e-3, atol=1e-4)


def test_half_precision_is_averaged_in_full(images):
    network = nn.Sequential(Statistics(), nn.Linear(9, 5))
    multi_scale = MultiScale(network, power=3)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        embedded = multi_scale(images)
    assert embedded.dtype == torch.float32
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(embedded, multi_scale(images), rtol=0.1, atol=0.05)


def test_images_too_small_at_the_least_scale_are_refused():
    multi_scale = MultiScale(Statistics(), scales=(1, 0.5), smallest=32)
    assert multi_scale(torch.rand(1, 3, 64, 80)).shape == (1, 9)
    with pytest.raises(InvalidInputError, match="80×63 pixels have 31 on a side at scale 0.5, the network takes 32"):
        multi_scale(torch.rand(1, 3, 80, 63))
    with pytest.raises(InvalidInputError, match="1×9 pixels have 0 on a side at scale 0.7071, the network takes 1"):
        MultiScale(Statistics())(torch.rand(1, 3, 1, 9))


@pytest.mark.parametrize("options", [{"scales": ()}, {"scales": (1, 0)}, {"power": 0}, {"power": float("nan")}])
def test_impossible_options_are_refused(options):
    with pytest.raises(InvalidInputError, match="scales and power are to be above 0"):
        MultiScale(Statistics(), **options)
