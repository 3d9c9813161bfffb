"""The composition of every batch, and that it depends on nothing but seed and epoch."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from util.errors import InvalidInputError
from util.metric_learning.samplers import SAMPLERS, build_sampler

seeds = st.integers(0, 2**31)
counts_of_items = st.lists(st.integers(1, 9), min_size=2, max_size=12)


def labels_of(counts, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


@given(counts_of_items, st.integers(2, 16), seeds)
def test_random_shows_every_image_once(counts, batch_size, seed):
    labels = labels_of(counts)
    sampler = build_sampler("random", labels=labels, batch_size=batch_size, seed=seed)
    batches = list(sampler)
    assert sorted(chain(*batches)) == list(range(len(labels)))
    assert len(batches) == len(sampler)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 2 <= len(batches[-1]) <= batch_size + 1


@given(counts_of_items, st.integers(1, 5), st.integers(2, 6), seeds)
def test_m_per_class_composes_every_batch_of_m_images_of_different_items(counts, m, items, seed):
    labels = labels_of(counts)
    sampler = build_sampler({"name": "m_per_class", "m": m}, labels=labels, batch_size=m * items, seed=seed)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert set(chain(*batches)) == set(range(len(labels)))
    for batch in batches:
        shown = Counter(labels[batch].tolist())
        assert set(shown.values()) == {m}
        assert len(shown) == min(items, len(counts))
        for item in shown:
            different = {image for image in batch if labels[image] == item}
            assert len(different) == min(m, counts[item])


@given(counts_of_items, st.integers(2, 16), seeds)
def test_balanced_draws_the_items_equally_often_and_uses_up_their_images_first(counts, batch_size, seed):
    labels = labels_of(counts)
    sampler = build_sampler("balanced", labels=labels, batch_size=batch_size, seed=seed)
    drawn = list(chain(*sampler))
    assert len(drawn) == len(labels)
    shown = Counter(labels[drawn].tolist())
    times = [shown[item] for item in range(len(counts))]
    assert max(times) - min(times) <= 1
    for item, count in enumerate(counts):
        assert len({image for image in drawn if labels[image] == item}) == min(count, times[item])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_resumed_run_sees_the_batches_of_an_unbroken_one(name):
    labels = labels_of([7, 3, 1, 9, 4])

    def sampler(seed=5):
        return build_sampler(name, labels=labels, batch_size=4, seed=seed)

    unbroken, epochs = sampler(), []
    for epoch in range(4):
        unbroken.set_epoch(epoch)
        epochs.append(list(unbroken))
    resumed = sampler()
    resumed.set_epoch(2)
    np.random.seed(1)  # the state of other generators has no part in it
    assert list(resumed) == epochs[2]
    assert list(resumed) == epochs[2]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[3]
    assert list(sampler(seed=6)) != epochs[0]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("replicas", [2, 3, 40])
def test_replicas_share_the_batches_in_equal_numbers(name, replicas):
    labels = labels_of([7, 3, 1, 9, 4])
    whole = list(build_sampler(name, labels=labels, batch_size=4, seed=5))
    parts = [
        list(build_sampler(name, labels=labels, batch_size=4, seed=5, replica=i, replicas=replicas))
        for i in range(replicas)
    ]
    assert len({len(part) for part in parts}) == 1
    dealt = [part[turn] for turn in range(len(parts[0])) for part in parts]
    assert dealt[: len(whole)] == whole
    assert all(batch in whole for batch in dealt)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_data_loader_takes_it_and_finds_its_epoch(name):
    labels = labels_of([4, 4, 4])
    sampler = build_sampler(name, labels=labels, batch_size=4, seed=0)
    loader = DataLoader(labels, batch_sampler=sampler)
    assert [batch.tolist() for batch in loader] == [labels[batch].tolist() for batch in sampler]
    loader.batch_sampler.sampler.set_epoch(3)
    assert sampler.epoch == 3


def test_a_single_image_left_over_joins_the_batch_before():
    sizes = [len(b) for b in build_sampler("random", labels=[0] * 9, batch_size=4, seed=0)]
    assert sizes == [4, 5]


def test_an_item_with_most_of_the_images_meets_other_items_in_every_batch():
    labels = np.array([0] * 40 + [1, 1, 2])
    for batch in build_sampler({"name": "m_per_class", "m": 2}, labels=labels, batch_size=4, seed=0):
        assert len(set(labels[batch])) == 2


def test_a_sampler_already_made_is_used():
    made = BatchSampler(SequentialSampler([0, 1, 2]), batch_size=2, drop_last=False)
    assert build_sampler(made, labels=[0, 1, 2], batch_size=2, seed=0) is made


@pytest.mark.parametrize(
    ("specification", "given_", "message"),
    [
        ("shuffled", {}, "there is no sampler 'shuffled': choose one of random, m_per_class, balanced"),
        ({"name": "m_per_class", "k": 3}, {}, "the sampler m_per_class has no option 'k': its options are m"),
        ({"name": "random", "m": 3}, {}, "the sampler random has no option 'm': it has no options"),
        ({"name": "m_per_class", "m": 1.5}, {}, "m of the sampler m_per_class must be a whole number of at least 1"),
        ({"name": "m_per_class", "m": 3}, {}, "3 images an item need a batch size"),
        ({"name": "m_per_class", "m": 4}, {}, "not 4"),
        ("m_per_class", {"labels": [1, 1]}, "all 2 images show the same item"),
        ("random", {"labels": []}, "the labels must be one an image"),
        ("random", {"batch_size": 0}, "at least one image, not 0"),
        ("balanced", {"seed": -1}, "seed"),
        ("balanced", {"replica": 2, "replicas": 2}, "replica=2"),
    ],
)
def test_what_cannot_be_used_is_said(specification, given_, message):
    with pytest.raises(InvalidInputError, match=message):
        build_sampler(specification, **{"labels": [0, 0, 1, 1], "batch_size": 4, "seed": 0, **given_})
