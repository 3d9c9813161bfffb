"""Second-order attention against numpy, and that a fresh block changes nothing."""

import numpy as np
import pytest
import torch

from util.errors import InvalidInputError
from util.networks.attention import SecondOrderAttention


def trained_block(channels: int = 6, reduction: int = 2) -> SecondOrderAttention:
    """A block with nothing left at zero or one, in evaluation mode."""
    block = SecondOrderAttention(channels, reduction=reduction)
    for tensor in block.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.2, 1.0)
    return block.eval()


def naive_attention(block: SecondOrderAttention, image: np.ndarray) -> np.ndarray:
    """(C, H, W) to (C, H, W), position by position, in float64."""
    weights = {name: value.double().numpy() for name, value in block.state_dict().items()}

    def convolved(name, position):
        return weights[f"{name}.weight"][:, :, 0, 0] @ position + weights[f"{name}.bias"]

    def activated(name, position):
        mean, variance = weights[f"{name}.1.running_mean"], weights[f"{name}.1.running_var"]
        normalised = (convolved(f"{name}.0", position) - mean) / np.sqrt(variance + 1e-5)
        return np.maximum(normalised * weights[f"{name}.1.weight"] + weights[f"{name}.1.bias"], 0)

    positions = image.reshape(len(image), -1).T.astype(np.float64)
    f, g = (np.array([activated(name, position) for position in positions]) for name in "fg")
    h = np.array([convolved("h", position) for position in positions])
    output = []
    for query, position in zip(f, positions, strict=True):
        similarity = np.exp(g @ query / np.sqrt(f.shape[1]))
        output.append(position + convolved("v", (similarity / similarity.sum()) @ h))
    return np.array(output).T.reshape(image.shape)


@pytest.mark.parametrize("reduction", [2, 3])
def test_is_the_formula_of_the_paper(reduction):
    block, features = trained_block(6, reduction), torch.randn(2, 6, 3, 5)
    with torch.inference_mode():
        output = block(features)
    expected = np.stack([naive_attention(block, image.numpy()) for image in features])
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - features.numpy()).max() > 0.1


@pytest.mark.parametrize("training", [True, False])
def test_a_fresh_block_is_the_identity(training):
    features = torch.randn(2, 8, 4, 3)
    assert torch.equal(SecondOrderAttention(8).train(training)(features), features)


def test_a_fresh_block_learns_nonetheless():
    block = SecondOrderAttention(8)
    block(torch.randn(2, 8, 4, 3)).square().sum().backward()
    assert block.v.weight.grad.abs().max() > 0


def test_moving_the_positions_moves_the_output_alike():
    block, features = trained_block(), torch.randn(1, 6, 4, 4)
    with torch.inference_mode():
        torch.testing.assert_close(block(features.flip(3).transpose(2, 3)), block(features).flip(3).transpose(2, 3))


def test_half_precision_stays_close():
    block, features = trained_block(), torch.randn(2, 6, 5, 5)
    with torch.inference_mode():
        expected = block(features)
        with torch.autocast("cpu", torch.bfloat16):
            output = block(features)
    torch.testing.assert_close(output.float(), expected, rtol=0.03, atol=0.05)


@pytest.mark.parametrize("reduction", [0, 9])
def test_a_reduction_that_leaves_nothing_is_refused(reduction):
    with pytest.raises(InvalidInputError, match=f"between 1 and the 8 channels, not {reduction}"):
        SecondOrderAttention(8, reduction=reduction)
