import pytest

from util.errors import InvalidInputError
from util.evaluation.outcomes import Outcome, by_score, count_decisions

#               true item, decision, item, right, wrong
TABLE = [
    ("milk", "known", "milk", True, False),
    ("milk", "known", "cream", False, True),
    ("milk", "new", None, False, True),
    ("milk", "unsure", "milk", False, False),
    (None, "known", "milk", False, True),
    (None, "new", None, True, False),
    (None, "unsure", "milk", False, False),
]


@pytest.mark.parametrize(("true_item", "decision", "item", "right", "wrong"), TABLE)
def test_right_and_wrong(true_item, decision, item, right, wrong):
    outcome = Outcome("q", true_item, decision, item)
    assert (outcome.right, outcome.wrong) == (right, wrong)


def test_counts_every_outcome_once():
    repeated = [
        Outcome(f"q{i}.{j}", true, decision, item)
        for i, (true, decision, item, _, _) in enumerate(TABLE)
        for j in range(i + 1)
    ]
    counts = count_decisions(repeated)
    assert counts.to_json() == {
        "known_right": 1,
        "known_wrong": 2,
        "known_called_new": 3,
        "known_unsure": 4,
        "unknown_accepted": 5,
        "unknown_called_new": 6,
        "unknown_unsure": 7,
    }
    assert (counts.n_known, counts.n_unknown) == (10, 18)


def test_none_count_zero():
    assert set(count_decisions([]).to_json().values()) == {0}


def test_order_by_score_puts_what_has_none_last():
    outcomes = [
        Outcome("b", "x", "known", "y", 0.5),
        Outcome("none", "x", "new", None),
        Outcome("low", "x", "known", "y", -0.5),
        Outcome("a", "x", "known", "y", 0.5),
    ]
    assert [outcome.query for outcome in by_score(outcomes)] == ["a", "b", "low", "none"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("q", "x", "maybe", "x"), "not 'maybe'"), (("q", "x", "known", None), "must be named")],
)
def test_refuses(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        Outcome(*arguments)
