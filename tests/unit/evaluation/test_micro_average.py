import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from util.errors import InvalidInputError
from util.evaluation.micro_average import micro_average_precision, recall_at_precision

ANSWERS = st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.booleans()), max_size=25)


def naive(answers, n_right):
    """Down the list, wrong answers first among equal scores."""
    found, total = 0, 0.0
    for place, (_, right) in enumerate(sorted(answers, key=lambda answer: (-answer[0], answer[1])), start=1):
        if right:
            found += 1
            total += found / place
    return total / n_right


@given(ANSWERS, st.integers(0, 5))
def test_equal_to_going_down_the_list(answers, missed):
    scores, right = [score for score, _ in answers], [bool(hit) for _, hit in answers]
    n_right = sum(right) + missed
    if n_right == 0:
        assert math.isnan(micro_average_precision(scores, right, 0))
    else:
        assert micro_average_precision(scores, right, n_right) == pytest.approx(naive(answers, n_right))


def test_equal_to_scikit_learn_where_no_scores_are_equal():
    random = np.random.default_rng(0)
    scores, right = random.permutation(500) / 500, random.random(500) < 0.3
    expected = average_precision_score(right, scores)
    assert micro_average_precision(scores, right, int(right.sum())) == pytest.approx(expected)


def test_order_of_the_answers_does_not_matter_unless_it_is_asked_for():
    scores, right = [0.5, 0.5, 0.5], [True, False, True]
    assert micro_average_precision(scores, right, 2) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert micro_average_precision(scores, right, 2, ties="given") == pytest.approx((1 + 2 / 3) / 2)
    for order in ([1, 0, 2], [2, 1, 0]):
        assert micro_average_precision(scores, np.array(right)[order], 2) == pytest.approx((1 / 2 + 2 / 3) / 2)


@given(ANSWERS, st.integers(0, 3), st.sampled_from([0.5, 0.7, 0.9, 1.0]))
def test_recall_at_precision_tries_every_threshold(answers, missed, precision):
    scores, right = [score for score, _ in answers], [bool(hit) for _, hit in answers]
    n_right = sum(right) + missed
    best = (0.0, math.inf)
    for threshold in sorted(set(scores)):
        accepted = [hit for score, hit in answers if score >= threshold]
        if sum(accepted) >= round(precision * len(accepted), 9) and sum(accepted) / max(n_right, 1) > best[0]:
            best = (sum(accepted) / n_right, threshold)
    recall, threshold = recall_at_precision(scores, right, n_right, precision)
    if n_right == 0:
        assert math.isnan(recall) and threshold == math.inf
    else:
        assert (recall, threshold) == (pytest.approx(best[0]), best[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: micro_average_precision([0.1], [True, False], 1), "as many flags"),
        (lambda: micro_average_precision([math.nan], [True], 1), "finite scores"),
        (lambda: micro_average_precision([0.1, 0.2], [True, True], 1), "is one given twice"),
        (lambda: micro_average_precision([0.1], [True], 1, ties="lucky"), "not 'lucky'"),
        (lambda: recall_at_precision([0.1], [True], 1, 0.0), r"in \(0, 1\]"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
