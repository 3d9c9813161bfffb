"""Global pooling against naive numpy, at its limits, and in half precision."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from util.errors import InvalidInputError
from util.networks.pooling import MAC, POOLINGS, RMAC, GeM, GeMmp, SPoC, build_pooling


@st.composite
def feature_maps(draw, *, least=0.0):
    shape = draw(st.tuples(*(st.integers(1, largest) for largest in (3, 4, 9, 9))))
    values = np.random.default_rng(draw(st.integers(0, 2**32))).uniform(least, 8, shape)
    return torch.from_numpy(values.astype(np.float32))


@given(feature_maps(least=-8))
@settings(max_examples=25)
def test_mac_and_spoc_are_maximum_and_mean(features):
    np.testing.assert_array_equal(MAC()(features), features.numpy().max(axis=(2, 3)))
    np.testing.assert_allclose(SPoC()(features), features.numpy().mean(axis=(2, 3)), rtol=1e-5, atol=1e-5)


@given(feature_maps(least=-1), st.floats(0.5, 8))
@settings(max_examples=50)
def test_gem_is_the_generalised_mean(features, p):
    raised = np.maximum(features.numpy().astype(np.float64), 1e-6)
    expected = (raised**p).mean(axis=(2, 3)) ** (1 / p)
    np.testing.assert_allclose(GeM(p=p)(features).detach(), expected, rtol=1e-4)
    np.testing.assert_allclose(GeMmp(features.shape[1], p=p)(features).detach(), expected, rtol=1e-4)


def test_each_channel_has_its_own_exponent():
    features = torch.rand(2, 3, 4, 5)
    pooling = GeMmp(3)
    with torch.no_grad():
        pooling.p.copy_(torch.tensor([1.0, 2.0, 7.0]))
    for channel, p in enumerate((1.0, 2.0, 7.0)):
        torch.testing.assert_close(pooling(features)[:, channel], GeM(p=p)(features)[:, channel])


@given(feature_maps(least=1e-3))
@settings(max_examples=25)
def test_gem_goes_from_the_mean_to_the_maximum(features):
    torch.testing.assert_close(GeM(p=1)(features), SPoC()(features), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(GeM(p=2000)(features), MAC()(features), rtol=5e-3, atol=0)
    means = torch.stack([GeM(p=p)(features) for p in (1, 2, 4, 8, 16)])
    assert (means.diff(dim=0) >= -1e-5).all()


def test_large_activations_and_exponents_do_not_overflow():
    features = torch.rand(2, 3, 7, 7) * 1e6
    assert torch.isfinite(GeM(p=50)(features)).all()


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_of_a_map_of_zeros_are_finite(name):
    features = torch.zeros(2, 3, 5, 4, requires_grad=True)
    pooling = build_pooling(name, 3)
    pooling(features).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in pooling.parameters())


@pytest.mark.parametrize("pooling", [GeM(p=2.5), GeMmp(2, p=4), RMAC(levels=2), SPoC(), MAC()])
def test_gradients_are_those_of_finite_differences(pooling):
    features = (torch.rand(2, 2, 3, 4, dtype=torch.float64) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(pooling.double(), features)


def test_the_gradient_of_the_exponent_is_that_of_finite_differences():
    features = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    pooling = GeM().double()

    def pooled(p):
        return torch.func.functional_call(pooling, {"p": p}, features)

    assert torch.autograd.gradcheck(pooled, torch.tensor([3.0], dtype=torch.float64, requires_grad=True))


def naive_regions(height, width, levels, overlap):
    """Rows, columns and sides of R-MAC's regions, from the paper's words: nothing here is shared with the library."""
    short, long = min(height, width), max(height, width)
    extra = 0
    if short != long:
        gaps = [((short - (long - short) / more) / short, more) for more in range(1, 7)]
        extra = min(gaps, key=lambda gap: abs(gap[0] - overlap))[1]
    for level in range(1, levels + 1):
        side = math.floor(2 * short / (level + 1))
        counts = [level + (extra if size == long and short != long else 0) for size in (height, width)]
        for i in range(counts[0]):
            for j in range(counts[1]):
                row = math.floor(i * (height - side) / (counts[0] - 1)) if counts[0] > 1 else 0
                column = math.floor(j * (width - side) / (counts[1] - 1)) if counts[1] > 1 else 0
                if side:
                    yield row, column, side


@given(feature_maps(least=0.01), st.integers(1, 4), st.sampled_from([0.0, 0.4, 0.7]))
@settings(max_examples=60)
def test_rmac_sums_the_unit_maxima_of_its_regions(features, levels, overlap):
    values = features.numpy().astype(np.float64)
    expected = np.zeros(values.shape[:2])
    for row, column, side in naive_regions(*values.shape[2:], levels, overlap):
        maxima = values[:, :, row : row + side, column : column + side].max(axis=(2, 3))
        expected += maxima / np.linalg.norm(maxima, axis=1, keepdims=True)
    np.testing.assert_allclose(RMAC(levels=levels, overlap=overlap)(features), expected, rtol=1e-4)


@pytest.mark.parametrize(("height", "width", "count"), [(8, 8, 14), (8, 13, 20), (13, 8, 20)])
def test_rmac_has_as_many_regions_as_the_paper_says(height, width, count):
    # One channel: each unit vector is 1, so the sum counts them. Square: 1 + 4 + 9; with one more along the long
    # side: 1·2 + 2·3 + 3·4.
    assert RMAC()(torch.ones(1, 1, height, width)).item() == pytest.approx(count)


@pytest.mark.parametrize("name", POOLINGS)
def test_half_precision_maps_are_pooled_in_full_precision(name):
    features = torch.rand(2, 16, 14, 14)
    rounded = features.bfloat16()
    pooling = build_pooling(name, 16)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = pooling(rounded)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, pooling(rounded.float()))


@pytest.mark.parametrize("name", POOLINGS)
def test_every_pooling_is_a_vector_an_image_and_each_image_stands_alone(name):
    features = torch.rand(3, 5, 6, 4)
    pooling = build_pooling(name, 5)
    assert isinstance(pooling, nn.Module)
    assert pooling(features).shape == (3, 5)
    torch.testing.assert_close(pooling(features)[1:2], pooling(features[1:2]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: build_pooling("gme", 3), "no pooling is called 'gme': there are mac, spoc, gem, gemmp, rmac"),
        (lambda: GeM(p=0), "p and eps above 0, not p=0"),
        (lambda: GeM(p=float("nan")), "not p=nan"),
        (lambda: RMAC(levels=0), "levels=0"),
        (lambda: RMAC(overlap=1), "overlap=1"),
        (lambda: MAC()(torch.zeros(3, 4)), r"not a tensor of shape \(3, 4\)"),
        (lambda: GeM()(torch.zeros(1, 3, 0, 4)), r"not a tensor of shape \(1, 3, 0, 4\)"),
    ],
)
def test_what_cannot_be_pooled_is_said(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        wrong()
