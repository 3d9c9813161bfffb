"""Measures of pairs, against counting and against scikit-learn."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.open_set import auroc_interval
from util.evaluation.pair_verification import auroc_bootstrap_interval, measure_pairs


def sample(n: int = 300, seed: int = 0, *, gap: float = 1.0):
    random = np.random.default_rng(seed)
    same = random.random(n) < 0.4
    return np.round(random.normal(size=n) + gap * same, 1), same, random.integers(0, 12, n).tolist()


def test_measures_equal_a_naive_count():
    from sklearn.metrics import roc_auc_score

    scores, same, _ = sample()
    found = measure_pairs(scores, same, threshold=0.4)
    assert found.auroc == pytest.approx(roc_auc_score(same, scores))
    assert (found.n_same, found.n_different) == (same.sum(), (~same).sum())
    assert found.tar_at_threshold == sum(s >= 0.4 for s in scores[same]) / same.sum()
    assert found.far_at_threshold == sum(s >= 0.4 for s in scores[~same]) / (~same).sum()
    assert found.auroc_ci95 == auroc_interval(found.auroc, found.n_same, found.n_different)
    assert 0 <= found.tar_at_far["0.01"] <= found.tar_at_far["0.1"] <= 1


def test_the_bootstrap_equals_one_that_repeats_the_pairs_it_draws():
    from sklearn.metrics import roc_auc_score

    scores, same, groups = sample(80)
    random = np.random.default_rng(7)
    members = [[i for i, group in enumerate(groups) if group == name] for name in dict.fromkeys(groups)]
    areas = []
    for _ in range(50):
        chosen = [i for number in random.integers(0, len(members), len(members)) for i in members[number]]
        areas.append(roc_auc_score(same[chosen], scores[chosen]))
    expected = np.quantile(areas, [0.025, 0.975])
    assert auroc_bootstrap_interval(scores, same, groups, resamples=50, seed=7) == pytest.approx(tuple(expected))


def test_pairs_that_resemble_each_other_widen_the_interval():
    scores, same, _ = sample(20)
    copies = 30
    alone = auroc_bootstrap_interval(np.tile(scores, copies), np.tile(same, copies), list(range(20 * copies)))
    grouped = auroc_bootstrap_interval(np.tile(scores, copies), np.tile(same, copies), list(range(20)) * copies)
    assert grouped[1] - grouped[0] > 3 * (alone[1] - alone[0])


@given(st.integers(0, 1000))
def test_the_interval_holds_the_measure(seed):
    scores, same, groups = sample(60, seed)
    low, high = auroc_bootstrap_interval(scores, same, groups, resamples=200)
    assert 0 <= low <= measure_pairs(scores, same).auroc <= high <= 1


def test_draws_of_one_kind_only_are_left_out():
    low, high = auroc_bootstrap_interval([0.9, 0.1, 0.8], [True, False, False], ["a", "b", "c"], resamples=100)
    assert (low, high) == (1.0, 1.0)


def test_is_json():
    scores, same, groups = sample()
    plain = json.loads(json.dumps(measure_pairs(scores, same, groups=groups).to_json()))
    assert plain["auroc_ci95"][0] < plain["auroc"] < plain["auroc_ci95"][1]
    assert plain["roc"]["far"][-1] == plain["roc"]["tar"][-1] == 1


@pytest.mark.parametrize(
    ("scores", "same", "options", "message"),
    [
        ([0.1, 0.2], [True], {}, "as many flags"),
        ([0.1, float("nan")], [True, False], {}, "finite"),
        ([0.1, 0.2], [True, True], {}, "one kind is missing"),
        ([], [], {}, "one kind is missing"),
        ([0.1, 0.2], [True, False], {"groups": ["a"]}, "as many groups"),
    ],
)
def test_what_cannot_be_measured(scores, same, options, message):
    with pytest.raises(InvalidInputError, match=message):
        measure_pairs(scores, same, **options)
