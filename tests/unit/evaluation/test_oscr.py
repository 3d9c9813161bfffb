import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.open_set import identification_rate_at_far
from util.evaluation.oscr import oscr_area, oscr_curve

LEVEL = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
KNOWN = st.lists(st.tuples(LEVEL, st.booleans()), min_size=1, max_size=12)
UNKNOWN = st.lists(LEVEL, min_size=1, max_size=12)


@given(KNOWN, UNKNOWN)
def test_area_counts_pairs_and_is_that_below_the_curve(known, unknown):
    scores, first = [score for score, _ in known], [right for _, right in known]
    pairs = [(right, score, other) for score, right in known for other in unknown]
    expected = sum(right * ((score > other) + (score == other) / 2) for right, score, other in pairs) / len(pairs)
    assert oscr_area(scores, first, unknown) == pytest.approx(expected)
    curve = oscr_curve(scores, first, unknown)
    assert np.trapezoid(curve.ccr, curve.fpr) == pytest.approx(expected)


@given(KNOWN, UNKNOWN)
def test_curve_counts_at_every_threshold(known, unknown):
    curve = oscr_curve([score for score, _ in known], [right for _, right in known], unknown)
    for fpr, ccr, threshold in zip(curve.fpr, curve.ccr, curve.thresholds, strict=True):
        assert fpr == pytest.approx(np.mean([other >= threshold for other in unknown]))
        assert ccr == pytest.approx(np.mean([right and score >= threshold for score, right in known]))


def test_curve_holds_the_identification_rate():
    known, first, unknown = [0.9, 0.8, 0.4], [True, False, True], [0.5, 0.1]
    curve = oscr_curve(known, first, unknown)
    at_zero = curve.ccr[curve.fpr == 0].max()
    assert at_zero == identification_rate_at_far(known, first, unknown, 0.0) == pytest.approx(1 / 3)


def test_nothing_recognised_gives_zero_and_all_gives_one():
    assert oscr_area([0.9], [False], [0.1]) == 0.0
    assert oscr_area([0.9], [True], [0.1]) == 1.0


@pytest.mark.parametrize(
    ("known", "first", "unknown", "message"),
    [
        ([0.9], [True, False], [0.1], "as many flags"),
        ([math.nan], [True], [0.1], "is NaN"),
        ([], [], [0.1], "known queries"),
        ([0.9], [True], [], "unknown queries"),
    ],
)
def test_what_cannot_be_measured_is_refused(known, first, unknown, message):
    for measure in (oscr_curve, oscr_area):
        with pytest.raises(InvalidInputError, match=message):
            measure(known, first, unknown)
