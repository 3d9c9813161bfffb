"""The pairs of system 000, counted image by image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.metric_learning.pairs import VARIANTS, PairSampling

PLAIN, UNDER, OVER = range(3)
counts_of_items = st.lists(st.integers(1, 6), min_size=2, max_size=9)


def labels_of(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def equal(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("first", "second", "variant", "same"))


@given(counts_of_items, st.integers(0, 999), st.booleans())
def test_every_image_has_its_pairs(counts, seed, fixed):
    labels = labels_of(counts)
    sampling = PairSampling(labels, seed=seed)
    pairs = sampling.fixed() if fixed else sampling.epoch(3)
    np.testing.assert_array_equal(labels[pairs.first] == labels[pairs.second], pairs.same)
    assert sorted(sampling.alone) == [i for i in range(len(labels)) if counts[labels[i]] == 1]
    for image in range(len(labels)):
        mine = pairs.first == image
        same = mine & pairs.same
        assert same.sum() == 5 and (mine & ~pairs.same).sum() == 5
        assert (pairs.variant[mine & ~pairs.same] == PLAIN).all()
        itself = same & (pairs.second == image)
        shown = sorted(pairs.variant[itself])
        if counts[labels[image]] == 1:
            assert itself.sum() == 5 and {UNDER, OVER} == set(shown)
        else:
            assert shown == [UNDER, OVER]
            assert (pairs.variant[same & ~itself] == PLAIN).all()


@given(counts_of_items.filter(lambda counts: max(counts) > 1), st.integers(0, 999))
def test_without_variants_no_image_is_paired_with_itself(counts, seed):
    labels = labels_of(counts)
    pairs = PairSampling(labels, seed=seed, variants=False).epoch(0)
    assert (pairs.variant == PLAIN).all() and (pairs.first != pairs.second).all()
    assert pairs.same.sum() * 2 == len(pairs)
    np.testing.assert_array_equal(labels[pairs.first] == labels[pairs.second], pairs.same)
    able = [i for i in range(len(labels)) if counts[labels[i]] > 1]
    assert sorted(pairs.first) == sorted(able * 10)


def test_other_items_are_equally_likely_however_many_images_they_have():
    labels = np.array([0] * 400 + [1] * 390 + [2] * 10)
    pairs = PairSampling(labels, seed=0).epoch(0)
    chosen = labels[pairs.second[~pairs.same & (labels[pairs.first] == 0)]]
    assert (chosen == 2).mean() == pytest.approx(0.5, abs=0.05)


def test_other_images_of_the_item_are_equally_likely():
    labels = np.array([0] * 4 + [1])
    sampling = PairSampling(labels, seed=0)
    seen = np.zeros(5)
    for epoch in range(400):
        pairs = sampling.epoch(epoch)
        seen += np.bincount(pairs.second[(pairs.first == 1) & pairs.same & (pairs.variant == PLAIN)], minlength=5)
    assert seen[[1, 4]].tolist() == [0, 0]
    np.testing.assert_allclose(seen[[0, 2, 3]] / 1200, 1 / 3, atol=0.05)


def test_depends_on_seed_and_epoch_alone_and_validation_stays():
    labels = labels_of([4, 5, 3])
    sampling = PairSampling(labels, seed=1)
    assert equal(sampling.epoch(2), PairSampling(labels, seed=1).epoch(2))
    assert not equal(sampling.epoch(2), sampling.epoch(3))
    assert not equal(sampling.epoch(2), PairSampling(labels, seed=2).epoch(2))
    assert equal(sampling.fixed(), PairSampling(labels, seed=1).fixed())
    assert not equal(sampling.fixed(), sampling.epoch(0))


@pytest.mark.parametrize(("share", "hard"), [(0.0, 0), (0.4, 2), (1.0, 5)])
def test_hard_pairs_come_from_the_items_that_look_alike(share, hard):
    labels = np.repeat(np.arange(40), 3)
    angles = np.radians(np.repeat(np.arange(40) * 9, 3) + np.tile([0, 1, 2], 40))
    embeddings = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    sampling = PairSampling(labels, seed=0, hard_share=share, nearest=2)
    pairs = sampling.epoch(0, embeddings=embeddings)
    np.testing.assert_array_equal(labels[pairs.first] == labels[pairs.second], pairs.same)
    gaps = np.abs(labels[pairs.first] - labels[pairs.second])
    neighbours = ~pairs.same & np.isin(gaps, (1, 39))
    counts = np.bincount(pairs.first[neighbours], minlength=120)
    assert counts.min() >= hard
    assert counts.mean() == pytest.approx(hard + (5 - hard) * 2 / 39, abs=0.1)
    assert equal(sampling.epoch(0), PairSampling(labels, seed=0).epoch(0))


def test_the_variants_have_names():
    assert VARIANTS[UNDER] == "under" and VARIANTS[OVER] == "over"


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([1, 1, 1], {}, "all 3 images show the same item: give photos of at least two items"),
        ([1, 2, 3], {"variants": False}, "each of the 3 items has a single image"),
        ([1, 1, 2], {"hard_share": 1.5}, r"hard_share must be in \[0, 1\]"),
        ([1, 1, 2], {"nearest": 0}, "nearest at least 1"),
        ([], {}, "the labels must be one an image"),
    ],
)
def test_what_cannot_be_paired_is_said(labels, options, message):
    with pytest.raises(InvalidInputError, match=message):
        PairSampling(labels, seed=0, **options)


def test_embeddings_of_other_images_are_refused():
    sampling = PairSampling([0, 0, 1], seed=0, hard_share=1)
    with pytest.raises(InvalidInputError, match="2 embeddings do not go with 3 images"):
        sampling.epoch(0, embeddings=np.ones((2, 4), np.float32))
