import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import classification_report as reference

from util.errors import InvalidInputError
from util.evaluation.classification import NO_ANSWER, classification_report

LABELS = ["cream", "juice", "milk", "soup"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_equal_to_scikit_learn(cases):
    true, answered = [LABELS[t] for t, _ in cases], [LABELS[a] for _, a in cases]
    expected = reference(true, answered, output_dict=True, zero_division=0)
    report = classification_report([t for t, _ in cases], [a for _, a in cases], LABELS).to_json()
    assert report["accuracy"] == pytest.approx(expected["accuracy"])
    for item in sorted(set(true) | set(answered)):
        row = {"f1" if name == "f1-score" else name: value for name, value in expected[item].items()}
        assert report["items"][item] == pytest.approx(row)
    for mean in ("macro", "weighted"):
        row = expected[f"{mean} avg"]
        assert report[mean] == pytest.approx(
            {"precision": row["precision"], "recall": row["recall"], "f1": row["f1-score"]}
        )
    assert set(report["items"]) == set(true) | set(answered)


def test_no_answer_is_wrong_but_spoils_no_precision():
    report = classification_report([0, 0], [0, NO_ANSWER], LABELS)
    assert (report.precision.tolist(), report.recall.tolist(), report.accuracy) == ([1.0], [0.5], 0.5)


def test_no_cases_give_null():
    report = classification_report([], [], LABELS)
    assert report.items == () and math.isnan(report.accuracy)
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    nothing = {"precision": None, "recall": None, "f1": None}
    assert written == {"accuracy": None, "macro": nothing, "weighted": nothing, "items": {}}


@pytest.mark.parametrize(
    ("true", "answered", "message"),
    [
        ([0], [0, 1], "as many answers as cases"),
        ([4], [0], "none of the 4 labels"),
        ([0], [4], "none of the 4 labels"),
        ([-1], [0], "none of the 4 labels"),
        ([0], [-2], "none of the 4 labels"),
        (np.zeros((1, 1)), np.zeros((1, 1)), "as many answers as cases"),
    ],
)
def test_what_cannot_be_counted_is_refused(true, answered, message):
    with pytest.raises(InvalidInputError, match=message):
        classification_report(true, answered, LABELS)
