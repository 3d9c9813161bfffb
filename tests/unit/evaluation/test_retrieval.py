import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from util.errors import InvalidInputError
from util.evaluation import retrieval
from util.evaluation.relevance import RankedRelevance


@st.composite
def rankings(draw):
    """Relevance of some rankings of different lengths, as lists and as the value that the measures take."""
    width = draw(st.integers(1, 7))
    lists = draw(st.lists(st.lists(st.booleans(), max_size=width), min_size=1, max_size=5))
    n_relevant = [sum(one) + draw(st.integers(0, 3)) for one in lists]
    relevant = np.zeros((len(lists), width), dtype=bool)
    valid = np.zeros_like(relevant)
    for row, one in enumerate(lists):
        relevant[row, : len(one)] = one
        valid[row, : len(one)] = True
    return lists, n_relevant, RankedRelevance(relevant, valid, np.array(n_relevant))


def naive_average_precision(hits, n_relevant, depth):
    found, total = 0, 0.0
    for place, right in enumerate(hits[:depth], start=1):
        if right:
            found += 1
            total += found / place
    return total / n_relevant


def naive_mean(values):
    return sum(values) / len(values) if values else math.nan


@given(rankings(), st.integers(1, 8))
def test_measures_agree_with_plain_loops(ranking, k):
    lists, n_relevant, relevance = ranking
    counted = [(hits, n) for hits, n in zip(lists, n_relevant, strict=True) if n > 0]
    expected = {
        "recall_at_k": naive_mean([float(any(hits[:k])) for hits, _ in counted]),
        "top1": naive_mean([float(bool(hits) and hits[0]) for hits, _ in counted]),
        "mean_average_precision": naive_mean([naive_average_precision(hits, n, len(hits)) for hits, n in counted]),
        "map_at_r": naive_mean([naive_average_precision(hits, n, n) for hits, n in counted]),
        "map_at_k": naive_mean([naive_average_precision(hits, min(n, k), k) for hits, n in counted]),
    }
    for name, value in expected.items():
        arguments = (relevance, k) if name.endswith("_at_k") else (relevance,)
        assert getattr(retrieval, name)(*arguments) == pytest.approx(value, nan_ok=True), name
    precision = retrieval.precision_at_k(relevance, k)
    at_r = retrieval.r_precision(relevance)
    for row, (hits, n) in enumerate(zip(lists, n_relevant, strict=True)):
        assert precision[row] == pytest.approx(sum(hits[:k]) / k if n else math.nan, nan_ok=True)
        assert at_r[row] == pytest.approx(sum(hits[:n]) / n if n else math.nan, nan_ok=True)


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_average_precision_of_a_full_ranking_is_scikit_learns(hits):
    relevance = RankedRelevance(np.array([hits]), np.ones((1, len(hits)), bool), np.array([sum(hits)]))
    expected = average_precision_score(hits, -np.arange(len(hits)))
    assert retrieval.mean_average_precision(relevance) == pytest.approx(expected)


@given(rankings())
def test_bounds_between_measures(ranking):
    _, _, relevance = ranking
    counted = relevance.counted
    ap, ap_at_r = retrieval.average_precision(relevance), retrieval.average_precision_at_r(relevance)
    assert np.all(ap_at_r[counted] <= ap[counted] + 1e-12)
    assert np.all(ap_at_r[counted] <= retrieval.r_precision(relevance)[counted] + 1e-12)
    assert np.all(np.isnan(ap[~counted]))


def test_no_positives_at_all_leave_no_number():
    nothing = RankedRelevance(np.zeros((2, 3), bool), np.ones((2, 3), bool), np.array([0, 0]))
    assert math.isnan(retrieval.top1(nothing))
    assert math.isnan(retrieval.recall_at_k(nothing, 5))
    assert math.isnan(retrieval.mean_average_precision(nothing))
    assert math.isnan(retrieval.map_at_r(nothing))


def test_no_queries_at_all_leave_no_number():
    nothing = RankedRelevance(np.zeros((0, 3), bool), np.zeros((0, 3), bool), np.zeros(0, dtype=np.int64))
    assert math.isnan(retrieval.top1(nothing))
    assert retrieval.precision_at_k(nothing, 3).shape == (0,)


def test_a_single_image_of_an_item_is_found_or_not():
    found_second = RankedRelevance(np.array([[False, True]]), np.ones((1, 2), bool), np.array([1]))
    assert retrieval.mean_average_precision(found_second) == 0.5
    assert retrieval.map_at_r(found_second) == 0.0  # R is 1: only the first place counts


@pytest.mark.parametrize("measure", [
    retrieval.found_within, retrieval.recall_at_k, retrieval.precision_at_k, retrieval.average_precision_at_k,
    retrieval.map_at_k,
])  # fmt: skip
def test_k_counts_from_one(measure):
    relevance = RankedRelevance(np.ones((1, 1), bool), np.ones((1, 1), bool), np.array([1]))
    with pytest.raises(InvalidInputError, match="not 0"):
        measure(relevance, 0)
