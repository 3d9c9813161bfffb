"""What stays in the reservoir, against the probabilities of drawing without replacement."""

import itertools
from collections import Counter

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.metric_learning.reservoir import WeightedReservoir

WEIGHTS = np.array([0.1, 2.0, 1.0, 0.5, 3.0])


def probability_of(kept):
    """Of drawing this set one after another, each time in proportion to the weights that are left."""
    total = 0.0
    for order in itertools.permutations(kept):
        chance, left = 1.0, WEIGHTS.sum()
        for image in order:
            chance *= WEIGHTS[image] / left
            left -= WEIGHTS[image]
        total += chance
    return total


@pytest.mark.parametrize("stretches", [1, 2, 5])
def test_sets_are_kept_as_if_drawn_by_weight_without_replacement(stretches):
    kept = Counter()
    for seed in range(4000):
        reservoir = WeightedReservoir(2, seed=seed)
        for part in np.array_split(np.arange(5), stretches):
            reservoir.offer(part, WEIGHTS[part])
        kept[frozenset(reservoir.images.tolist())] += 1
    for pair in itertools.combinations(range(5), 2):
        chance = probability_of(pair)
        assert kept[frozenset(pair)] / 4000 == pytest.approx(chance, abs=5 * np.sqrt(chance / 4000))


def test_holds_what_came_until_it_is_full_and_never_the_irrelevant():
    reservoir = WeightedReservoir(4, seed=0)
    assert reservoir.images.tolist() == []
    reservoir.offer(np.array([7, 8, 9]), np.array([1e-300, 0.0, 5.0]))
    assert sorted(reservoir.images) == [7, 9]
    reservoir.offer(np.arange(100), np.ones(100))
    assert len(reservoir.images) == 4


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0], "got shape"), ([1.0, -1.0], "at least 0"), ([1.0, np.nan], "at least 0")]
)
def test_what_cannot_be_offered_is_said(weights, message):
    with pytest.raises(InvalidInputError, match=message):
        WeightedReservoir(2, seed=0).offer(np.array([0, 1]), np.array(weights))
    with pytest.raises(InvalidInputError, match="at least one image, not 0"):
        WeightedReservoir(0, seed=0)
