"""The tuples against a search one anchor at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.metric_learning import hard_negatives
from util.metric_learning.hard_negatives import mine_hard_negatives, nearest_other_items
from util.metric_learning.items import ItemIndex


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def naive(units, labels, anchor, count, candidates):
    best = {}
    for image in candidates:
        score = float(units[anchor] @ units[image])
        if labels[image] != labels[anchor] and score > best.get(labels[image], (-2, 0))[0]:
            best[labels[image]] = (score, image)
    return [image for _, image in sorted(best.values(), key=lambda found: -found[0])[:count]]


@given(
    st.lists(st.integers(1, 5), min_size=4, max_size=9),
    st.integers(1, 3),
    st.integers(0, 999),
    st.sampled_from([1, 40]),
)
def test_the_most_similar_images_of_different_items(counts, count, seed, at_once):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(counts)), counts))
    units = unit(random.normal(size=(len(labels), 4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hard_negatives, "_SCORES_AT_ONCE", at_once)
        anchors = random.permutation(len(labels))
        found, scores = nearest_other_items(units, ItemIndex.of(labels), anchors, count=count)
    assert found.tolist() == [naive(units, labels, a, count, range(len(labels))) for a in anchors]
    np.testing.assert_allclose(scores, (units[anchors, None] * units[found]).sum(axis=2), atol=1e-6)


@pytest.fixture
def photos():
    random = np.random.default_rng(1)
    labels = random.permutation(np.repeat([f"item {i}" for i in range(20)], 6))
    return random.normal(size=(120, 8)).astype(np.float32) * 3, labels


def test_tuples_are_an_anchor_its_positive_and_negatives_of_different_other_items(photos):
    embeddings, labels = photos
    mined = mine_hard_negatives(embeddings, labels, count=50, negatives=4, pool=90, seed=0)
    assert mined.tuples.shape == (50, 6)
    assert len(set(mined.tuples[:, 0])) == 50
    shown = labels[mined.tuples]
    assert (shown[:, 0] == shown[:, 1]).all() and (mined.tuples[:, 0] != mined.tuples[:, 1]).all()
    assert all(len(set(row)) == 5 for row in shown[:, 1:])
    units = unit(embeddings)
    distances = np.linalg.norm(units[mined.tuples[:, :1]] - units[mined.tuples[:, 2:]], axis=2)
    assert mined.mean_negative_distance == pytest.approx(distances.mean(), rel=1e-5)
    assert (np.diff(distances, axis=1) >= -1e-5).all()
    assert len(np.unique(mined.tuples[:, 2:])) <= 90


def test_without_a_limit_the_negatives_are_the_hardest_of_all(photos):
    embeddings, labels = photos
    mined = mine_hard_negatives(embeddings, labels, count=10, negatives=3, seed=0)
    for anchor, _, *negatives in mined.tuples.tolist():
        assert negatives == naive(unit(embeddings), labels, anchor, 3, range(120))


def test_depends_on_seed_and_epoch_alone(photos):
    first, same, other, later = (
        mine_hard_negatives(*photos, count=30, seed=seed, epoch=epoch).tuples
        for seed, epoch in ((0, 1), (0, 1), (1, 1), (0, 2))
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, later)


def test_items_with_one_image_are_negatives_only():
    embeddings = unit(np.random.default_rng(0).normal(size=(6, 4)))
    mined = mine_hard_negatives(embeddings, [0, 0, 1, 2, 3, 4], negatives=4, seed=0)
    assert sorted(mined.tuples[:, 0]) == [0, 1]
    assert set(mined.tuples[0, 2:]) == {2, 3, 4, 5}


@pytest.mark.parametrize(
    ("embeddings", "labels", "options", "message"),
    [
        (np.ones((3, 2)), [0, 0], {}, "3 embeddings do not go with 2 labels"),
        (np.ones((3, 2)), [0, 1, 2], {}, "each of the 3 items has a single image"),
        (np.ones((3, 2)), [0, 0, 0], {"negatives": 1}, "1 negatives need images of at least as many other items"),
        (np.ones((4, 2)), [0, 0, 1, 1], {"negatives": 2}, "show 2: ask for fewer negatives"),
        (np.ones((4, 2)), [0, 0, 1, 1], {"negatives": 0}, "0 negatives"),
        (np.full((4, 2), np.nan), [0, 0, 1, 1], {}, "NaN or infinity"),
    ],
)
def test_what_cannot_be_mined_is_said(embeddings, labels, options, message):
    with pytest.raises(InvalidInputError, match=message):
        mine_hard_negatives(embeddings.astype(np.float32), labels, seed=0, **options)
