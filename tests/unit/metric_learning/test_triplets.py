"""Random triplets: what they may hold, and how likely it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.metric_learning.triplets import RandomTriplets


@given(st.lists(st.integers(1, 6), min_size=2, max_size=9).filter(lambda counts: max(counts) > 1), st.integers(0, 999))
def test_a_positive_of_the_item_and_a_negative_of_another(counts, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    anchors, positives, negatives = RandomTriplets(labels, seed=seed).epoch(1).T
    assert anchors.tolist() == [i for i in range(len(labels)) if counts[labels[i]] > 1]
    assert (anchors != positives).all()
    assert (labels[anchors] == labels[positives]).all()
    assert (labels[anchors] != labels[negatives]).all()


def test_drawn_anew_each_epoch_evenly():
    triplets = RandomTriplets([0, 0, 0, 1, 2, 2, 2, 2, 2], seed=0)
    drawn = np.array([triplets.epoch(epoch)[0] for epoch in range(2000)])
    assert set(drawn[:, 0]) == {0}
    assert (drawn[:, 1] == 1).mean() == pytest.approx(0.5, abs=0.05)
    assert (drawn[:, 2] == 3).mean() == pytest.approx(0.5, abs=0.05)
    assert (drawn[:, 2] == 4).mean() == pytest.approx(0.1, abs=0.03)
    again = RandomTriplets([0, 0, 0, 1, 2, 2, 2, 2, 2], seed=0)
    np.testing.assert_array_equal(again.epoch(7), triplets.epoch(7))


@pytest.mark.parametrize(
    ("labels", "message"), [([3, 3], "show the same item"), ([1, 2], "each of the 2 items has a single image")]
)
def test_what_gives_no_triplet_is_said(labels, message):
    with pytest.raises(InvalidInputError, match=message):
        RandomTriplets(labels, seed=0)
