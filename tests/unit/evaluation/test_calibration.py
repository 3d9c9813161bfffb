import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.calibration import Calibration, calibrate

scores = st.one_of(
    st.lists(st.integers(-8, 8).map(lambda n: n / 8), min_size=1, max_size=40),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40),
)
rates = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 0.5])


@given(scores, scores, rates, rates)
def test_keeps_both_promises_on_the_scores_it_was_made_from(known, impostors, far, miss_rate):
    made = calibrate(known, impostors, far=far, miss_rate=miss_rate)
    assert made.lower <= made.threshold
    decisions = [made.decide(score) for score in impostors]
    assert decisions.count("known") / len(impostors) == made.measured_far <= far
    decisions = [made.decide(score) for score in known]
    assert decisions.count("new") / len(known) <= miss_rate
    assert decisions.count("known") / len(known) == made.expected_tar
    assert made.far_ci95[0] <= made.measured_far <= made.far_ci95[1]


@given(scores, scores, rates, rates)
def test_the_band_is_no_wider_than_it_must_be(known, impostors, far, miss_rate):
    """Where there is a band, its upper end could not be lower, nor its lower end higher, by one float32 step."""
    made = calibrate(known, impostors, far=far, miss_rate=miss_rate)
    below = float(np.nextafter(np.float32(made.threshold), np.float32(-np.inf)))
    above = float(np.nextafter(np.float32(made.lower), np.float32(np.inf)))
    if made.lower < made.threshold:
        assert np.mean(np.array(impostors) >= below) > far
        assert np.mean(np.array(known) < above) > miss_rate


def test_separate_sets_are_cut_in_the_middle_of_the_gap():
    made = calibrate([0.8, 0.9], [0.1, 0.2], far=0.01)
    assert made.threshold == made.lower == pytest.approx(0.5)
    assert [made.decide(score) for score in (0.2, 0.49, 0.51, 0.8)] == ["new", "new", "known", "known"]
    assert made.expected_tar == made.auroc == 1.0


def test_overlapping_sets_leave_a_band():
    made = calibrate([0.3, 0.7, 0.9], [0.1, 0.2, 0.6], far=0.0, miss_rate=0.0)
    assert made.threshold == pytest.approx(0.6) and made.threshold > 0.6
    assert made.lower == pytest.approx(0.3)
    assert [made.decide(score) for score in (0.29, 0.3, 0.6, 0.7)] == ["new", "unsure", "unsure", "known"]


def test_equal_scores_leave_everything_unsure():
    made = calibrate([0.5] * 3, [0.5] * 3)
    assert made.decide(0.5) == "unsure"
    assert made.auroc == 0.5 and made.expected_tar == 0.0


def test_without_known_scores_there_is_a_threshold_but_no_band():
    made = calibrate([], [0.1, 0.2])
    assert made.threshold == made.lower == pytest.approx(0.2)
    assert (made.expected_tar, made.auroc, made.n_known) == (None, None, 0)
    assert made.decide(0.2) == "new"


def test_few_impostors_are_said_to_be_few():
    few = calibrate([0.9], np.linspace(0, 0.5, 30), far=0.01)
    assert not few.resolves_far
    assert few.measured_far == 0.0 and few.far_ci95 == pytest.approx((0.0, 0.1157), abs=1e-4)
    assert calibrate([0.9], np.linspace(0, 0.5, 100), far=0.01).resolves_far


def test_the_interval_of_the_rate_covers_what_new_impostors_do():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        # Impostors spread evenly over [0, 1] reach a threshold t with probability 1 − t.
        made = calibrate([0.0], random.random(150), far=0.05, miss_rate=0.0)
        true_rate = 1 - made.threshold
        covered += made.far_ci95[0] <= true_rate <= made.far_ci95[1]
    assert covered / 200 >= 0.93


@given(scores, st.floats(-1, 1, width=32))
def test_false_accept_rate_is_exact_for_few_impostors(impostors, score):
    made = calibrate([0.5], impostors)
    assert made.false_accept_rate(score) == sum(u >= score for u in impostors) / len(impostors)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_false_accept_rate_of_many_impostors_is_close_and_never_understated(seed, rounded):
    random = np.random.default_rng(seed)
    impostors = random.beta(5, 3, 3000)
    if rounded:
        impostors = impostors.round(2)
    made = calibrate([0.5], impostors)
    assert len(made.false_accept_curve) <= 128
    for score in np.concatenate([random.random(50), impostors[:50]]):
        true = float(np.mean(impostors >= score))
        assert true <= made.false_accept_rate(score) <= 1.15 * true + 1e-9
    top = np.sort(impostors)[-5:]
    assert [made.false_accept_rate(score) for score in top] == [float(np.mean(impostors >= score)) for score in top]


def test_survives_json():
    made = calibrate([0.4, 0.9], np.random.default_rng(0).random(500))
    assert Calibration.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made


STORED = calibrate([0.4, 0.9], [0.1, 0.5]).to_json()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibrate([0.5], []), "unknown queries, there are none"),
        (lambda: calibrate([math.nan], [0.1]), "known queries must be a row of finite"),
        (lambda: calibrate([0.5], [math.inf]), "impostors must be a row of finite"),
        (lambda: calibrate([[0.5]], [0.1]), "known queries must be a row"),
        (lambda: calibrate([0.5], [0.1], far=1.0), "false-accept rate"),
        (lambda: calibrate([0.5], [0.1], miss_rate=1.0), "miss rate"),
        (lambda: calibrate([0.5], [0.1]).decide(math.nan), "NaN cannot be decided"),
        (lambda: calibrate([0.5], [0.1]).false_accept_rate(math.nan), "NaN has no"),
        (lambda: Calibration.from_json({}), "calibrate again"),
        (lambda: Calibration.from_json([]), "got list; calibrate again"),
        (lambda: Calibration.from_json(STORED | {"extra": 1}), "not a calibration"),
        (lambda: Calibration.from_json(STORED | {"threshold": "high"}), "calibrate again"),
        (lambda: Calibration.from_json(STORED | {"false_accept_curve": [1, 2]}), "calibrate again"),
        (lambda: Calibration.from_json(STORED | {"false_accept_curve": []}), "false-accept curve"),
        (lambda: Calibration.from_json(STORED | {"lower": 2.0}), "lower <= threshold"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
