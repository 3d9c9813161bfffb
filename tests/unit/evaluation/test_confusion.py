import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.confusion import ConfusionMatrix, confusion_matrix, worst_confusions
from util.evaluation.outcomes import Outcome

items = st.sampled_from(["a", "b", "new"])  # an item may be called "new"


@st.composite
def outcome_lists(draw):
    answers = draw(
        st.lists(
            st.tuples(
                st.one_of(st.none(), items),
                st.one_of(items.map(lambda item: ("known", item)), st.just(("new", None)), st.just(("unsure", "a"))),
                st.one_of(st.none(), st.integers(0, 3).map(float)),
            ),
            max_size=12,
        )
    )
    return [Outcome(f"q{i}", true, *answer, score=score) for i, (true, answer, score) in enumerate(answers)]


@given(outcome_lists())
def test_matrix_agrees_with_a_counter(outcomes):
    counter = Counter(
        (one.true_item or "<new>", one.item if one.decision == "known" else f"<{one.decision}>") for one in outcomes
    )
    matrix = confusion_matrix(outcomes)
    dense = matrix.dense()
    assert dense.shape == (len(matrix.items) + 1, len(matrix.items) + 2)
    for i, row in enumerate([*matrix.items, "<new>"]):
        for j, column in enumerate([*matrix.items, "<new>", "<unsure>"]):
            assert dense[i, j] == counter[row, column]
    assert dense.sum() == len(outcomes)


@given(outcome_lists(), st.integers(0, 3))
def test_worst_confusions_agree_with_a_counter(outcomes, n):
    def answer(one):
        return one.item if one.decision == "known" else None

    wrong = [one for one in outcomes if one.decision != "unsure" and answer(one) != one.true_item]
    counter = Counter((one.true_item, answer(one)) for one in wrong)
    asked = Counter(one.true_item for one in outcomes)
    found = worst_confusions(outcomes, n, examples=2)
    assert [one.count for one in found] == sorted(counter.values(), reverse=True)[:n]
    for confusion in found:
        assert confusion.count == counter[confusion.true_item, confusion.predicted]
        assert confusion.of == asked[confusion.true_item]
        cases = [one for one in wrong if (one.true_item, answer(one)) == (confusion.true_item, confusion.predicted)]
        assert len(confusion.examples) == min(2, len(cases)) and set(confusion.examples) <= set(cases)


def test_more_frequent_then_larger_share_comes_first():
    outcomes = [
        *(Outcome(f"a{i}", "a", "known", "b") for i in range(2)),
        *(Outcome(f"c{i}", "c", "known", "d") for i in range(2)),
        Outcome("c-right", "c", "known", "c"),
        *(Outcome(f"e{i}", "e", "new", None) for i in range(3)),
    ]
    found = [(one.true_item, one.predicted, one.count, one.of) for one in worst_confusions(outcomes)]
    assert found == [("e", None, 3, 3), ("a", "b", 2, 2), ("c", "d", 2, 3)]


def test_json_holds_all_cells():
    matrix = confusion_matrix([Outcome("q1", "milk", "known", "cream"), Outcome("q2", None, "unsure", "milk")])
    written = json.loads(json.dumps(matrix.to_json()))
    assert written == {
        "rows": ["cream", "milk", "new"],
        "columns": ["cream", "milk", "new", "unsure"],
        "cells": [[1, 0, 1], [2, 3, 1]],
    }


def test_nothing_makes_an_empty_matrix():
    assert confusion_matrix([]).dense().tolist() == [[0, 0]]
    assert worst_confusions([]) == ()


def test_thousands_of_items_take_no_square_of_memory():
    outcomes = [Outcome(f"q{i}", f"item{i}", "known", f"item{i}") for i in range(20_000)]
    matrix = confusion_matrix(outcomes)
    assert len(matrix.items) == matrix.counts.size == 20_000


ROW = np.zeros(1, dtype=np.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConfusionMatrix(("a",), ROW, ROW, np.ones(2, dtype=np.int64)), "one row, one column and one count"),
        (lambda: ConfusionMatrix((), ROW + 1, ROW, ROW + 1), "outside of a confusion matrix of 0 items"),
        (lambda: ConfusionMatrix((), ROW, ROW + 2, ROW + 1), "outside"),
        (lambda: worst_confusions([], -1), "cannot name -1"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
