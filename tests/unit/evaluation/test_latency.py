import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.latency import Latency


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30))
def test_median_and_mean_in_milliseconds(seconds):
    latency = Latency.from_seconds(seconds)
    assert latency.n == len(seconds)
    assert latency.p50 == pytest.approx(statistics.median(seconds) * 1000, abs=1e-5)
    assert latency.mean == pytest.approx(statistics.fmean(seconds) * 1000, abs=1e-5)
    assert min(seconds) * 1000 - 1e-5 <= latency.p50 <= latency.p95 <= max(seconds) * 1000 + 1e-5


def test_p95_leaves_a_twentieth_above():
    latency = Latency.from_seconds([i / 1000 for i in range(101)])
    assert latency.to_json() == {"n": 101, "p50": 50.0, "p95": 95.0, "mean": 50.0}


@pytest.mark.parametrize("seconds", [[], [-0.1], [float("nan")], [float("inf")], [[0.1]]])
def test_refuses(seconds):
    with pytest.raises(InvalidInputError, match="timing"):
        Latency.from_seconds(seconds)
