"""The small parts of training: nearest photos, mixing, freezing, learning rates, what is validated."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from util.errors import DatasetError, InvalidInputError
from util.records import ImageRecord
from util.training.configuration import configure
from util.training.freezing import freeze, trunk_of
from util.training.mixing import cutmix
from util.training.nearest import recall_at_1
from util.training.optimisation import build_optimizer, learning_rate_factor
from util.training.validation import plan_validation


def naive_recall(queries, items, gallery, shown):
    right = counted = 0
    for number, (query, item) in enumerate(zip(queries, items, strict=True)):
        others = [
            (float(query @ other / np.linalg.norm(query) / np.linalg.norm(other)), label)
            for place, (other, label) in enumerate(zip(gallery, shown, strict=True))
            if not (gallery is queries and place == number)
        ]
        if any(label == item for _, label in others):
            counted += 1
            right += max(others)[1] == item
    return right / counted if counted else 0.0


@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_recall_equals_a_loop_over_all_pairs(seed, count, own):
    random = np.random.default_rng(seed)
    queries, items = random.normal(size=(count, 4)), random.integers(0, 3, count)
    gallery, shown = (queries, items) if own else (random.normal(size=(9, 4)), random.integers(0, 3, 9))
    found = recall_at_1(
        torch.tensor(queries), torch.tensor(items), None if own else torch.tensor(gallery), torch.tensor(shown)
    )
    assert found == pytest.approx(naive_recall(queries, items, gallery, shown))


@given(st.integers(0, 1000))
def test_cutmix_keeps_the_share_it_says(seed):
    images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 10, 12)
    mixed = cutmix(images, torch.Generator().manual_seed(seed))
    own = (mixed.images == images).float().mean((1, 2, 3))
    moved = mixed.partners != torch.arange(4)
    torch.testing.assert_close(own[moved], torch.full_like(own[moved], mixed.share))
    expected = mixed.share * torch.arange(4.0) + (1 - mixed.share) * mixed.partners
    torch.testing.assert_close(mixed.images.mean((1, 2, 3)), expected)


def test_a_frozen_trunk_does_not_change_but_for_its_last_blocks():
    network = nn.Module()
    network.trunk = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
    network.train()
    freeze(trunk_of(network), learning_blocks=1)
    trunk = network.trunk
    assert [part.weight.requires_grad for part in trunk] == [False, False, True]
    before = trunk[1].running_mean.clone()
    trunk(torch.randn(8, 3, 5, 5))
    torch.testing.assert_close(trunk[1].running_mean, before)


def test_what_has_no_trunk_cannot_be_frozen():
    with pytest.raises(InvalidInputError, match="has no trunk"):
        trunk_of(nn.Linear(2, 2))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adam", "adadelta"])
def test_norms_and_biases_do_not_decay_and_proxies_have_their_own_rate(optimizer):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    config = configure({
        "network": "compact_resnet", "train": "p", "optimizer": optimizer, "weight_decay": 0.1,
        "proxy_learning_rate": 10, "learning_rate": 0.5,
    })  # fmt: skip
    groups = build_optimizer(network, nn.Linear(4, 5, bias=False), config).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.1]
    assert [group["lr"] for group in groups] == [0.5, 0.5, 5.0]
    assert sum(parameter.numel() for group in groups for parameter in group["params"]) == 12 + 4 + 8 + 20


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step", "exponential"])
def test_learning_rates_rise_first_and_never_exceed_the_highest(schedule):
    config = configure({"network": "compact_resnet", "train": "p", "schedule": schedule, "epochs": 5, "warmup": 0.2})
    factors = [learning_rate_factor(config, steps_an_epoch=10)(step) for step in range(50)]
    assert factors[0] < factors[4] < factors[8]
    assert max(factors) <= 1
    assert all(later <= earlier for earlier, later in pairwise(factors[10:]))


def photos(**counts):
    return [ImageRecord(f"{item}{n}", f"{item}{n}.jpg", item) for item, count in counts.items() for n in range(count)]


def test_known_items_are_looked_for_among_training_photos_others_among_themselves():
    known = plan_validation(photos(a=2, b=2), [ImageRecord("q", "q.jpg", "a")], seed=0)
    assert (known.n_gallery, len(known.queries)) == (4, 1)
    unseen = plan_validation(photos(a=2, b=2), photos(c=2, d=1), seed=0)
    assert (unseen.n_gallery, len(unseen.queries)) == (0, 3)


@pytest.mark.parametrize("held_out", [[], photos(c=1, d=1)])
def test_nothing_to_find_is_nothing_to_validate_on(held_out):
    with pytest.raises(DatasetError, match="nothing to validate on"):
        plan_validation(photos(a=2, b=2), held_out, seed=0)
