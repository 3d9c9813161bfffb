import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.landmarks import global_average_precision, landmark_retrieval_precisions

IDS = st.sampled_from("abcdef")


@given(st.dictionaries(st.sampled_from("qrst"), st.tuples(st.frozensets(IDS), st.lists(IDS, max_size=8))),
       st.integers(1, 9))  # fmt: skip
def test_retrieval_is_counted_hit_by_hit(problem, k):
    right = {query: wanted for query, (wanted, _) in problem.items()}
    found = {query: hits for query, (_, hits) in problem.items() if hits}
    precisions = landmark_retrieval_precisions(right, found, k=k)
    for value, (query, wanted) in zip(precisions, right.items(), strict=True):
        if not wanted:
            assert math.isnan(value)
            continue
        correct, total, seen = 0, 0.0, set()
        for place, hit in enumerate(found.get(query, [])[:k], start=1):
            if hit in wanted and hit not in seen:
                correct += 1
                total += correct / place
            seen.add(hit)
        assert value == pytest.approx(total / min(len(wanted), k))


ANSWER = st.none() | st.tuples(IDS, st.sampled_from([0.1, 0.5, 0.9]))


@given(st.dictionaries(st.sampled_from([f"q{i}" for i in range(9)]), st.tuples(st.frozensets(IDS, max_size=2), ANSWER)))
def test_recognition_is_counted_down_the_list(problem):
    right = {query: wanted for query, (wanted, _) in problem.items()}
    answers = {query: answer for query, (_, answer) in problem.items() if answer}
    n_right = sum(bool(wanted) for wanted in right.values())
    if not n_right:
        assert math.isnan(global_average_precision(right, answers))
        return
    correct, total = 0, 0.0
    order = sorted(answers, key=lambda query: (-answers[query][1], query))
    for place, query in enumerate(order, start=1):
        if answers[query][0] in right[query]:
            correct += 1
            total += correct / place
    assert global_average_precision(right, answers) == pytest.approx(total / n_right)


def test_a_confident_answer_for_a_photo_without_landmark_costs():
    right = {"q1": frozenset({"7"}), "q2": frozenset()}
    assert global_average_precision(right, {"q1": ("7", 0.5)}) == 1.0
    assert global_average_precision(right, {"q1": ("7", 0.5), "q2": ("7", 0.9)}) == 0.5


def test_no_predictions_give_zero_and_no_test_images_nothing():
    assert landmark_retrieval_precisions({"q": frozenset("a")}, {}).tolist() == [0.0]
    assert landmark_retrieval_precisions({}, {}).shape == (0,)
    assert global_average_precision({"q": frozenset("a")}, {}) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: landmark_retrieval_precisions({}, {"x": ["a"]}), "'x' is predicted, but is none of the 0"),
        (lambda: global_average_precision({}, {"x": ("a", 0.1)}), "'x' is predicted"),
        (lambda: landmark_retrieval_precisions({"q": frozenset("a")}, {"q": ["a"]}, k=0), "from 1 on"),
        (lambda: global_average_precision({"q": frozenset("a")}, {"q": ("a", np.nan)}), "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
