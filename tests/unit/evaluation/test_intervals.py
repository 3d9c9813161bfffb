import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from util.errors import InvalidInputError
from util.evaluation.intervals import bootstrap_interval, exact_interval, wilson_interval

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99])


@given(counts, confidences)
def test_wilson_and_exact_agree_with_scipy(count, confidence):
    successes, n = count
    for ours, method in ((wilson_interval, "wilson"), (exact_interval, "exact")):
        expected = binomtest(successes, n).proportion_ci(confidence, method)
        assert ours(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(counts)
def test_intervals_hold_the_share_and_stay_in_the_unit_interval(count):
    successes, n = count
    for interval in (wilson_interval, exact_interval):
        low, high = interval(successes, n)
        assert 0 <= low <= successes / n <= high <= 1


def test_no_trials_tell_nothing():
    assert wilson_interval(0, 0) == exact_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "message"),
    [
        (3, 2, 0.95, "3 of 2"),
        (-1, 2, 0.95, "-1 of 2"),
        (1, 2, 1.0, "between 0 and 1"),
        (1, 2, 0.0, "between 0 and 1"),
    ],
)
def test_impossible_shares_are_refused(successes, n, confidence, message):
    for interval in (wilson_interval, exact_interval):
        with pytest.raises(InvalidInputError, match=message):
            interval(successes, n, confidence)


def test_bootstrap_agrees_with_the_normal_approximation():
    values = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    low, high = bootstrap_interval(values, resamples=4000)
    error = values.std() / math.sqrt(values.size)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_bootstrap_in_blocks_is_the_same_as_naive_resampling():
    """Several blocks of draws must add up to one stream, so a large N is checked against plain Python."""
    values = np.arange(1500, dtype=float) ** 2
    random = np.random.default_rng(7)
    block = 1_000_000 // values.size
    naive = []
    for size in (block, 900 - block):
        naive += [np.mean([values[i] for i in row]) for row in random.integers(0, values.size, (size, values.size))]
    expected = np.quantile(naive, [0.05, 0.95])
    assert bootstrap_interval(values, resamples=900, confidence=0.9, seed=7) == pytest.approx(tuple(expected))


def test_groups_that_agree_inside_widen_the_interval_by_the_root_of_their_size():
    per_item = np.random.default_rng(2).random(60)
    values, items = np.repeat(per_item, 9), np.repeat(np.arange(60), 9).tolist()
    alone = np.subtract(*bootstrap_interval(values)[::-1])
    together = np.subtract(*bootstrap_interval(values, groups=items)[::-1])
    assert together / alone == pytest.approx(3.0, rel=0.15)


def test_groups_of_one_are_no_groups():
    values = np.random.default_rng(3).random(40)
    assert bootstrap_interval(values, groups=list(range(40))) == pytest.approx(bootstrap_interval(values))


def test_bootstrap_repeats_with_its_seed_and_leaves_out_nan():
    values = [0.0, 1.0, 0.5, 0.25]
    assert bootstrap_interval(values, seed=5) == bootstrap_interval([*values, math.nan], seed=5)
    assert bootstrap_interval(values, groups=list("aabb"), seed=5) == bootstrap_interval(
        [math.nan, *values], groups=list("caabb"), seed=5
    )
    assert bootstrap_interval(values, seed=5) != bootstrap_interval(values, seed=6)


def test_bootstrap_of_nothing_and_of_one():
    assert all(math.isnan(end) for end in bootstrap_interval([]))
    assert all(math.isnan(end) for end in bootstrap_interval([math.nan]))
    assert bootstrap_interval([0.5]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [[1.0]]}, "shape"),
        ({"values": [1.0], "groups": ["a", "b"]}, "as many groups"),
        ({"values": [1.0], "resamples": 0}, "at least 1 resample"),
        ({"values": [1.0], "confidence": 2}, "between 0 and 1"),
    ],
)
def test_bootstrap_refuses(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        bootstrap_interval(**arguments)
