import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.histogram import ScoreHistogram

scores = st.lists(st.floats(-1, 1, width=32), max_size=20)


@given(scores, scores, st.integers(1, 9))
def test_every_score_is_in_its_bin(same, different, bins):
    histogram = ScoreHistogram.from_scores(same, different, bins=bins)
    assert len(histogram.edges) == bins + 1
    for counts, of in ((histogram.same, same), (histogram.different, different)):
        assert sum(counts) == len(of)
        naive = [0] * bins
        for score in of:
            bin_ = max(i for i in range(bins) if score >= histogram.edges[i])
            naive[bin_] += 1
        assert list(counts) == naive


def test_scores_that_were_not_seen_are_left_out():
    histogram = ScoreHistogram.from_scores([0.5, -math.inf], [0.0], bins=2)
    assert sum(histogram.same) == 1 and histogram.edges[0] == 0.0


def test_arrays_of_any_shape_and_none_at_all():
    assert sum(ScoreHistogram.from_scores(np.ones((2, 3)), []).same) == 6
    assert ScoreHistogram.from_scores([], [], bins=1) == ScoreHistogram((0.0, 1.0), (0,), (0,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ScoreHistogram.from_scores([1.0], [0.0], bins=0), "at least 1 bin"),
        (lambda: ScoreHistogram.from_scores([math.nan], [0.0]), "NaN"),
        (lambda: ScoreHistogram((0.0, 1.0), (1, 2), (1,)), "one count fewer"),
        (lambda: ScoreHistogram((0.0, 0.0), (1,), (1,)), "rise"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
