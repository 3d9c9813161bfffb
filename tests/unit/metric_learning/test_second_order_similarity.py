"""The loss against its formula, computed triplet by triplet."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from util.metric_learning.second_order_similarity import SecondOrderSimilarityLoss


def naive(vectors, triplets, *, margin, weight):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def squared(i, j):
        return ((units[i] - units[j]) ** 2).sum()

    total = 0.0
    pairs = sorted({(a, p) for a, p, _ in triplets})
    for a, p in pairs:
        negatives = [n for a_, p_, n in triplets if (a_, p_) == (a, p)]
        total += sum(max(0.0, squared(a, p) - squared(a, n) + margin) for n in negatives)
        total += weight * math.sqrt(sum((squared(a, n) - squared(p, n)) ** 2 for n in negatives))
    return total / len(pairs)


@given(
    st.lists(st.integers(0, 3), min_size=4, max_size=9).filter(lambda labels: 1 < len(set(labels)) < len(labels)),
    st.floats(0, 2),
    st.floats(0, 20),
    st.integers(0, 1000),
)
def test_all_triplets_of_a_batch(labels, margin, weight, seed):
    vectors = np.random.default_rng(seed).normal(size=(len(labels), 5))
    n = range(len(labels))
    triplets = [
        (a, p, o) for a in n for p in n for o in n if a != p and labels[a] == labels[p] and labels[a] != labels[o]
    ]
    loss = SecondOrderSimilarityLoss(margin=margin, weight=weight)
    value = float(loss(torch.from_numpy(vectors), torch.tensor(labels)))
    assert value == pytest.approx(naive(vectors, triplets, margin=margin, weight=weight), rel=1e-4, abs=1e-4)


def test_mined_triplets_and_pairs():
    vectors = np.random.default_rng(0).normal(size=(6, 4))
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    loss = SecondOrderSimilarityLoss()
    triplets = [(0, 1, 2), (0, 1, 4), (3, 2, 5)]
    expected = naive(vectors, triplets, margin=1.25, weight=10)
    mined = tuple(torch.tensor(part) for part in zip(*triplets, strict=True))
    assert float(loss(torch.from_numpy(vectors), labels, mined)) == pytest.approx(expected, rel=1e-5)
    pairs = tuple(torch.tensor(part) for part in ([0, 3], [1, 2], [0, 0, 3], [2, 4, 5]))
    assert float(loss(torch.from_numpy(vectors), labels, pairs)) == pytest.approx(expected, rel=1e-5)


def test_gradients_are_those_of_finite_differences():
    labels = torch.tensor([0, 0, 1, 1, 2])
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    loss = SecondOrderSimilarityLoss()
    assert torch.autograd.gradcheck(lambda rows: loss.compute(rows, labels, None), (vectors,))
