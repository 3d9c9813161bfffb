import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from util.errors import InvalidInputError
from util.evaluation.open_set import (
    auroc,
    auroc_interval,
    equal_error_rate,
    identification_rate_at_far,
    roc_curve,
    tar_at_far,
    threshold_at_far,
)

# Quarters make ties frequent; free float32 numbers test the borders of the thresholds.
tied = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=1, max_size=12)
free = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=12)
scores = st.one_of(tied, free)
fars = st.sampled_from([0.0, 0.01, 0.07, 0.1, 0.25, 0.3, 0.5, 0.99])


@given(scores, scores)
def test_auroc_counts_pairs(known, unknown):
    wins = sum((k > u) + 0.5 * (k == u) for k in known for u in unknown)
    assert auroc(known, unknown) == pytest.approx(wins / (len(known) * len(unknown)))


@given(scores, scores)
def test_auroc_is_scikit_learns(known, unknown):
    truth = [1] * len(known) + [0] * len(unknown)
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(truth, known + unknown))


@given(scores, scores)
def test_roc_holds_what_each_threshold_accepts(known, unknown):
    curve = roc_curve(known, unknown)
    assert curve.thresholds.tolist() == [math.inf, *sorted({*known, *unknown}, reverse=True)]
    for far, tar, threshold in zip(curve.far, curve.tar, curve.thresholds, strict=True):
        assert far == sum(u >= threshold for u in unknown) / len(unknown)
        assert tar == sum(k >= threshold for k in known) / len(known)
    assert np.trapezoid(curve.tar, curve.far) == pytest.approx(auroc(known, unknown))


@given(scores, fars)
def test_threshold_keeps_the_rate_and_is_the_smallest_float32_that_does(unknown, far):
    threshold = threshold_at_far(unknown, far)
    assert float(np.float32(threshold)) == threshold
    assert np.mean(np.array(unknown) >= threshold) <= far
    just_below = float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))
    assert np.mean(np.array(unknown) >= just_below) > far
    same_in_single = np.mean(np.array(unknown, dtype=np.float32) >= np.float32(threshold))
    assert same_in_single <= far


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), fars)
def test_threshold_keeps_the_rate_for_double_precision_too(unknown, far):
    assert np.mean(np.array(unknown) >= threshold_at_far(unknown, far)) <= far


@pytest.mark.parametrize(("n", "far", "accepted"), [(100, 0.07, 7), (100, 0.29, 29), (1000, 0.001, 1), (99, 0.01, 0)])
def test_threshold_lets_in_as_many_as_the_rate_allows(n, far, accepted):
    """0.07 · 100 is 7.000000000000001 and 0.29 · 100 is 28.999999999999996 in floating point."""
    unknown = np.arange(n) / n
    assert np.count_nonzero(unknown >= threshold_at_far(unknown, far)) == accepted


def test_ties_at_the_threshold_are_refused_together():
    assert tar_at_far([0.5, 0.9], [0.5] * 5 + [0.1] * 5, 0.3) == 0.5


@given(scores, scores, fars, st.randoms(use_true_random=False))
def test_identification_needs_the_right_item_first(known, unknown, far, random):
    first = [random.random() < 0.5 for _ in known]
    threshold = threshold_at_far(unknown, far)
    expected = sum(right and score >= threshold for right, score in zip(first, known, strict=True)) / len(known)
    assert identification_rate_at_far(known, first, unknown, far) == expected
    assert expected <= tar_at_far(known, unknown, far)


@given(scores, scores)
def test_equal_error_rate_lies_where_the_two_errors_cross(known, unknown):
    rate = equal_error_rate(known, unknown)
    errors = [
        (sum(u >= t for u in unknown) / len(unknown), sum(k < t for k in known) / len(known))
        for t in [math.inf, *sorted({*known, *unknown}, reverse=True)]
    ]
    before = [pair for pair in errors if pair[0] < pair[1]][-1]
    after = next(pair for pair in errors if pair[0] >= pair[1])
    assert before[0] - 1e-12 <= rate <= after[0] + 1e-12
    assert after[1] - 1e-12 <= rate <= before[1] + 1e-12


def test_equal_error_rate_of_clear_cases():
    assert equal_error_rate([0.8, 0.9], [0.1, 0.2]) == 0.0
    assert equal_error_rate([0.1, 0.2], [0.8, 0.9]) == 1.0
    assert equal_error_rate([0.5], [0.5]) == 0.5


def test_scores_that_were_not_seen_are_never_accepted():
    assert auroc([0.9, -math.inf], [0.5]) == 0.5
    assert tar_at_far([0.9, -math.inf], [0.5], 0.0) == 0.5
    curve = roc_curve([0.9, -math.inf], [0.5])
    assert curve.tar[-1] == 0.5 and curve.far[-1] == 1.0
    assert equal_error_rate([-math.inf], [0.5]) == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(20, 120))
def test_thinning_keeps_ends_and_exact_points(seed, points):
    random = np.random.default_rng(seed)
    curve = roc_curve(random.normal(1, 1, 300), random.normal(0, 1, 300))
    thin = curve.thinned(points)
    assert len(thin.far) <= points + 2
    assert (thin.far[0], thin.far[-1], thin.tar[-1]) == (0.0, 1.0, 1.0)
    everything = set(zip(curve.far, curve.tar, curve.thresholds, strict=True))
    assert everything.issuperset(zip(thin.far, thin.tar, thin.thresholds, strict=True))
    # Straight lines between the kept points give nearly the same area, so the drawing is not misleading.
    assert np.trapezoid(thin.tar, thin.far) == pytest.approx(np.trapezoid(curve.tar, curve.far), abs=2 / points)


def test_thinning_leaves_a_short_curve_alone():
    curve = roc_curve([0.9], [0.1])
    assert curve.thinned() is curve


@pytest.mark.parametrize(("shift", "n_known", "n_unknown"), [(1.0, 30, 30), (2.5, 20, 60), (0.2, 100, 10)])
def test_auroc_interval_covers_the_true_area(shift, n_known, n_unknown):
    """The area of two normal distributions is known: Φ(shift / √2)."""
    true_area = 0.5 * (1 + math.erf(shift / 2))
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(150):
        area = auroc(random.normal(shift, 1, n_known), random.normal(0, 1, n_unknown))
        low, high = auroc_interval(area, n_known, n_unknown)
        covered += low <= true_area <= high
    assert 0.90 <= covered / 150 <= 1.0


@given(st.floats(0, 1), st.integers(1, 2000), st.integers(1, 2000))
def test_auroc_interval_holds_the_area(area, n_known, n_unknown):
    low, high = auroc_interval(area, n_known, n_unknown)
    assert 0 <= low <= area + 1e-9 and area - 1e-9 <= high <= 1
    flipped = auroc_interval(1 - area, n_known, n_unknown)
    assert flipped == pytest.approx((1 - high, 1 - low), abs=1e-6)


NAN = math.nan


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auroc([], [0.1]), "known queries, there are none"),
        (lambda: auroc([0.1], []), "unknown queries, there are none"),
        (lambda: roc_curve([0.1], []), "at least two items"),
        (lambda: roc_curve([NAN], [0.1]), "known query is NaN"),
        (lambda: tar_at_far([0.5], [-math.inf], 0.1), "unknown query is not a finite"),
        (lambda: threshold_at_far([0.5], 1.0), "not 1.0"),
        (lambda: threshold_at_far([0.5], -0.1), "not -0.1"),
        (lambda: threshold_at_far([[0.5]], 0.1), "there are none"),
        (lambda: equal_error_rate([], []), "there are none"),
        (lambda: identification_rate_at_far([0.5], [True, False], [0.1], 0.1), "as many flags"),
        (lambda: auroc_interval(1.5, 1, 1), "1.5"),
        (lambda: auroc_interval(0.5, 0, 1), "0 and 1 scores"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
