"""Soft product quantisation against numpy, its limit, and that it learns words."""

import numpy as np
import pytest
import torch

from util.errors import InvalidInputError
from util.networks.quantisation import SoftProductQuantisation


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def naive(words, embeddings, sharpness):
    """Mixtures and codes, part by part: (N, D) and (N, books)."""
    mixtures, codes = np.empty_like(embeddings), np.empty((len(embeddings), len(words)), dtype=int)
    length = words.shape[2]
    for row, embedding in enumerate(embeddings):
        for book, candidates in enumerate(unit(words)):
            part = unit(embedding[book * length : (book + 1) * length])
            distances = ((part - candidates) ** 2).sum(axis=1)
            weights = np.exp(-sharpness * distances)
            mixtures[row, book * length : (book + 1) * length] = weights @ candidates / weights.sum()
            codes[row, book] = distances.argmin()
    return mixtures, codes


@pytest.mark.parametrize("sharpness", [0.5, 5])
def test_parts_become_mixtures_of_their_nearest_words(sharpness):
    layer, embeddings = SoftProductQuantisation(12, books=3, words=7, sharpness=sharpness), torch.randn(10, 12)
    mixtures, codes = naive(layer.words.detach().double().numpy(), embeddings.double().numpy(), sharpness)
    np.testing.assert_allclose(layer(embeddings).detach(), mixtures, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.codes(embeddings), codes)


def test_sharp_mixtures_are_the_decoded_codes():
    layer, embeddings = SoftProductQuantisation(12, books=3, words=7, sharpness=1e5), torch.randn(10, 12)
    torch.testing.assert_close(layer(embeddings), layer.decode(layer.codes(embeddings)), rtol=1e-3, atol=1e-3)


def test_words_are_learnt():
    # Four clusters in each half, and words enough that each has one near it from the start.
    centres = torch.nn.functional.normalize(torch.randn(2, 4, 6), dim=2)
    embeddings = torch.cat([half[torch.randint(4, (64,))] for half in centres], dim=1)
    layer = SoftProductQuantisation(12, books=2, words=16, sharpness=20)
    errors = []
    for _ in range(40):
        error = (layer(embeddings) - embeddings).square().mean()
        (gradient,) = torch.autograd.grad(error, layer.words)
        with torch.no_grad():
            layer.words -= 4 * gradient
        errors.append(error.item())
    assert errors[-1] < 0.2 * errors[0]


def test_autocast_changes_nothing():
    layer, embeddings = SoftProductQuantisation(16, books=4, words=32), torch.randn(5, 16)
    with torch.autocast("cpu", torch.bfloat16):
        output, codes = layer(embeddings), layer.codes(embeddings)
    assert torch.equal(output, layer(embeddings))
    assert torch.equal(codes, layer.codes(embeddings))


@pytest.mark.parametrize("options", [{"books": 5}, {"books": 0}, {"words": 0}, {"sharpness": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(InvalidInputError, match="a dimension that is a multiple of books"):
        SoftProductQuantisation(12, **options)
