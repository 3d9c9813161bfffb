"""The epochs' generators differ, come back, and refuse what is no epoch."""

import pytest

from util.errors import InvalidInputError
from util.metric_learning.hard_negatives import mine_hard_negatives
from util.metric_learning.pairs import PairSampling
from util.metric_learning.seeding import random_of_epoch
from util.metric_learning.triplets import RandomTriplets


def test_each_seed_and_epoch_has_its_own():
    first = {(seed, epoch): random_of_epoch(seed, epoch).integers(2**62) for seed in range(9) for epoch in range(9)}
    assert len(set(first.values())) == 81
    assert first == {(seed, epoch): random_of_epoch(seed, epoch).integers(2**62) for seed, epoch in first}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: random_of_epoch(-1, 0),
        lambda: PairSampling([0, 0, 1], seed=0).epoch(-1),
        lambda: RandomTriplets([0, 0, 1], seed=-3).epoch(0),
        lambda: mine_hard_negatives([[1.0, 0], [1, 1], [0, 1]], [0, 0, 1], negatives=1, seed=-1),
    ],
)
def test_what_is_below_zero_is_said(draw):
    with pytest.raises(InvalidInputError, match="seed and epoch must be at least 0"):
        draw()
