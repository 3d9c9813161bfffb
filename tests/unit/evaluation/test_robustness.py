import json
import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.intervals import wilson_interval
from util.evaluation.outcomes import Outcome
from util.evaluation.robustness import RobustnessCurve, measure_by_strength

SHOT = st.one_of(
    st.just(("none", 0.0)),
    st.tuples(st.sampled_from(["blur", "light"]), st.sampled_from([0.2, 0.5, 1.0])),
)
QUERIES = st.lists(st.tuples(SHOT, st.booleans(), st.booleans()), max_size=30)


@given(QUERIES)
def test_equal_to_counting_query_by_query(queries):
    outcomes, shots, counted = [], {}, defaultdict(lambda: defaultdict(list))
    for number, ((kind, strength), known, right) in enumerate(queries):
        name = f"q{number}"
        shots[name] = {"disturbance": kind, "strength": strength}
        outcomes.append(
            Outcome(name, "milk" if known else None, "unsure", "milk", hit_item="milk" if right else "cream")
        )
        if known:
            counted[kind][strength].append(right)
    curves = measure_by_strength(outcomes, shots)
    zero = counted.pop("none", {}).get(0.0, [])
    assert [curve.disturbance for curve in curves] == sorted(counted)
    for curve in curves:
        rows = ({0.0: zero} if zero else {}) | dict(counted[curve.disturbance])
        assert [point.strength for point in curve.points] == sorted(rows)
        for point in curve.points:
            row = rows[point.strength]
            assert (point.n, point.accuracy) == (len(row), pytest.approx(sum(row) / len(row)))
            assert point.ci95 == wilson_interval(sum(row), len(row))
        above = [point.accuracy for point in curve.points if point.strength > 0]
        assert curve.mean_accuracy == pytest.approx(sum(above) / len(above))


def test_a_curve_as_json():
    shots = [("none", 0, "milk"), ("blur", 0.5, "milk"), ("blur", 1, "cream")]
    outcomes = [Outcome(f"q{n}", "milk", "unsure", hit, hit_item=hit) for n, (_, _, hit) in enumerate(shots)]
    about = {f"q{n}": {"disturbance": kind, "strength": strength} for n, (kind, strength, _) in enumerate(shots)}
    (curve,) = measure_by_strength(outcomes, about)
    assert [(point.strength, point.accuracy) for point in curve.points] == [(0.0, 1.0), (0.5, 1.0), (1.0, 0.0)]
    written = json.loads(json.dumps(curve.to_json(), allow_nan=False))
    assert written["mean_accuracy"] == 0.5
    assert written["points"][2] == {"strength": 1.0, "n": 1, "accuracy": 0.0, "ci95": list(curve.points[2].ci95)}


def test_undisturbed_photos_alone_make_no_curve():
    shots = {"q": {"disturbance": "none", "strength": 0}}
    assert measure_by_strength([Outcome("q", "milk", "known", "milk", hit_item="milk")], shots) == ()
    assert measure_by_strength([], {}) == ()
    assert math.isnan(RobustnessCurve("blur", ()).mean_accuracy)
    assert RobustnessCurve("blur", ()).to_json()["mean_accuracy"] is None


@pytest.mark.parametrize(
    "shot",
    [{}, {"disturbance": "blur"}, {"strength": 0.5}, {"disturbance": "blur", "strength": "strong"},
     {"disturbance": "blur", "strength": 1.5}, {"disturbance": "blur", "strength": math.nan}],
)  # fmt: skip
def test_queries_that_do_not_say_what_was_done_are_refused(shot):
    with pytest.raises(InvalidInputError, match="query 'q' does not say its disturbance"):
        measure_by_strength([Outcome("q", "milk", "known", "milk")], {"q": shot})
