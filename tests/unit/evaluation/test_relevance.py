import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.relevance import RankedRelevance
from util.evaluation.retrieval import average_precision, top1
from util.records import SearchResult


def test_a_query_is_never_matched_with_itself(results_of):
    gallery = {"g1": "milk", "g2": "milk", "g3": "cream"}
    similar = [[1.0, 0.5, 0.7], [0.5, 1.0, 0.2], [0.7, 0.2, 1.0]]
    results = results_of(similar, list(gallery))
    naive = RankedRelevance.from_results(results, list(gallery.values()), gallery)
    honest = RankedRelevance.from_results(results, list(gallery.values()), gallery, query_ids=list(gallery))
    assert top1(naive) == 1.0  # every photo finds itself
    assert honest.relevant[:, :2].tolist() == [[False, True], [True, False], [False, False]]
    assert honest.n_relevant.tolist() == [1, 1, 0]  # and the only photo of the cream has nothing to find
    assert honest.counted.tolist() == [True, True, False]


def test_further_ids_can_be_excluded(results_of):
    gallery = {"g1": "milk", "copy": "milk", "g3": "cream"}
    results = results_of([[1.0, 1.0, 0.7]], list(gallery))
    relevance = RankedRelevance.from_results(results, ["milk"], gallery, query_ids=["g1"], excluded=[["copy"]])
    assert relevance.n_relevant.tolist() == [0] and not relevance.relevant.any()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
)
def test_worst_order_of_ties_is_the_worst_of_all_orders(hits):
    """Against every order of the tied hits that the scores allow."""
    hits = sorted(hits, key=lambda hit: -hit[0])
    gallery = {f"g{i}": "right" if right else "wrong" for i, (_, right) in enumerate(hits)}
    scores = np.array([score for score, _ in hits], dtype=np.float32)
    result = SearchResult("q", tuple(gallery), scores)
    worst = RankedRelevance.from_results([result], ["right"], gallery, ties="worst")
    orders = [
        order
        for order in itertools.permutations(range(len(hits)))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    n_right = sum(right for _, right in hits)
    lowest = []
    for order in orders:
        relevant = np.array([[hits[i][1] for i in order]])
        possible = RankedRelevance(relevant, np.ones_like(relevant), np.array([n_right]))
        lowest.append((average_precision(possible)[0], top1(possible)))
    if n_right:
        assert average_precision(worst)[0] == pytest.approx(min(ap for ap, _ in lowest))
        assert top1(worst) == min(first for _, first in lowest)


def test_is_frozen(shelf):
    relevance = RankedRelevance.from_results(*shelf)
    assert len(relevance) == 5
    with pytest.raises(ValueError, match="read-only"):
        relevance.relevant[0, 0] = False


ONE = np.ones((1, 1), dtype=bool)
FOUND = SearchResult("q", ("a",), np.array([1.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RankedRelevance(np.ones(1, bool), ONE, np.array([1])), "needs relevant"),
        (lambda: RankedRelevance(ONE, ONE, np.array([1, 2])), "needs relevant"),
        (lambda: RankedRelevance(ONE.astype(float), ONE, np.array([1])), "boolean"),
        (lambda: RankedRelevance(ONE, ONE, np.array([1.5])), "whole numbers"),
        (lambda: RankedRelevance(ONE, ~ONE, np.array([1])), "gap"),
        (lambda: RankedRelevance(np.array([[False, True]]), np.array([[False, True]]), np.array([1])), "gap"),
        (lambda: RankedRelevance(ONE, ONE, np.array([0])), "more relevant images than the gallery"),
        (lambda: RankedRelevance.from_results([FOUND], ["x"], {"a": "x"}, ties="best"), "not 'best'"),
        (lambda: RankedRelevance.from_results([FOUND], ["x"], {"a": "x"}, query_ids=[]), "as many query ids"),
        (
            lambda: RankedRelevance.from_results([FOUND], ["x"], {"a": "x"}, query_ids=["a"], excluded=[]),
            "as many exclusions",
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
