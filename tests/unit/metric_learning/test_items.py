"""Drawing other images: never the wrong ones, and each equally likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.metric_learning.items import ItemIndex

labels_of_images = st.lists(st.sampled_from(["milk", "cream", "soy", "oat"]), min_size=1, max_size=25)


@given(labels_of_images, st.integers(0, 999))
def test_another_image_of_the_item_is_the_image_itself_only_where_it_is_alone(labels, seed):
    index = ItemIndex.of(labels)
    images = np.arange(len(labels))
    others = index.another_of_the_item(images, np.random.default_rng(seed))
    assert [labels[i] for i in others] == labels
    itself = {i for i in images if others[i] == i}
    assert itself == {i for i in images if labels.count(labels[i]) == 1} == set(index.alone)


@given(labels_of_images.filter(lambda labels: len(set(labels)) > 1), st.integers(0, 999))
def test_one_of_another_item_shows_another_item(labels, seed):
    images = np.arange(len(labels))
    others = ItemIndex.of(labels).one_of_another_item(images, np.random.default_rng(seed))
    assert all(labels[other] != labels[image] for image, other in enumerate(others))


@pytest.mark.parametrize("image", range(7))
def test_each_possible_image_is_equally_likely(image):
    labels = np.array([2, 0, 2, 1, 2, 0, 2])
    index = ItemIndex.of(labels)
    asked = np.full(12_000, image)
    random = np.random.default_rng(0)
    mates = np.bincount(index.another_of_the_item(asked, random), minlength=7) / 12_000
    possible = (labels == labels[image]) & ((np.arange(7) != image) | ((labels == labels[image]).sum() == 1))
    np.testing.assert_allclose(mates, possible / possible.sum(), atol=0.02)
    strangers = np.bincount(index.one_of_another_item(asked, random), minlength=7) / 12_000
    expected = np.where(labels == labels[image], 0, 1 / 2 / np.bincount(labels)[labels])
    np.testing.assert_allclose(strangers, expected, atol=0.02)
