import json
import math

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.evaluation.intervals import wilson_interval
from util.evaluation.ranking import rank_gallery
from util.evaluation.retrieval_measures import measure_retrieval


def test_worked_example(shelf):
    """Queries 0, 1 and 4 count: right at place 1, 2 and 2 (of a tie)."""
    measures = measure_retrieval(rank_gallery(*shelf))
    assert measures.n == 3
    assert measures.top1 == pytest.approx(1 / 3)
    assert measures.top1_ci95 == wilson_interval(1, 3)
    assert measures.recall == {1: pytest.approx(1 / 3), 5: 1.0, 10: 1.0}
    assert measures.recall_curve == pytest.approx((1 / 3, 1.0, 1.0, 1.0))
    # Query 0 ranks milk, cream, milk, juice; its two milks stand at places 1 and 3.
    assert measures.map == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2 + 1 / 2) / 3)
    assert measures.map_at_r == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert measures.r_precision == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert measures.map_at_k == {10: measures.map, 100: measures.map}  # the whole gallery is ranked
    assert measures.ties.queries == 1
    assert measures.ties.top1_worst == pytest.approx(1 / 3)


def test_a_lucky_tie_is_told(results_of):
    gallery = {"g1": "milk", "g2": "cream"}
    measures = measure_retrieval(rank_gallery(results_of([[0.5, 0.5]], list(gallery)), ["milk"], gallery))
    assert (measures.top1, measures.map) == (1.0, 1.0)
    assert (measures.ties.queries, measures.ties.top1_worst, measures.ties.map_worst) == (1, 0.0, 0.5)


def test_nothing_to_find_gives_null(results_of):
    gallery = {"g1": "milk", "g2": "cream"}
    measures = measure_retrieval(rank_gallery(results_of([[0.5, 0.4]], list(gallery)), ["soup"], gallery))
    assert measures.n == 0 and math.isnan(measures.top1)
    written = json.loads(json.dumps(measures.to_json(), allow_nan=False))
    assert written["top1"] is None and written["recall"] == {"1": None, "5": None, "10": None}
    assert written["map_ci95"] == [None, None] and written["top1_ci95"] == [0.0, 1.0]
    assert written["recall_curve"] == []


def test_map_at_k_is_left_out_where_rankings_do_not_reach(results_of):
    gallery = {f"g{i:03}": "milk" if i % 2 else "cream" for i in range(120)}
    cut = results_of(np.linspace(1, 0, 120)[None], list(gallery), depth=50)
    measures = measure_retrieval(rank_gallery(cut, ["milk"], gallery))
    # Every second image is right: the j-th stands at place 2 j.
    assert measures.map_at_k == {10: pytest.approx(5 * 0.5 / 10)}


def test_short_rankings_are_refused_but_small_galleries_are_not(results_of):
    gallery = {f"g{i:02}": "milk" for i in range(12)}
    scores = np.linspace(1, 0, 12)[None]
    with pytest.raises(InvalidInputError, match="rankings of 5 images cannot give recall@10"):
        measure_retrieval(rank_gallery(results_of(scores, list(gallery), depth=5), ["milk"], gallery))
    few = dict(list(gallery.items())[:3])
    assert measure_retrieval(rank_gallery(results_of(scores[:, :3], list(few)), ["milk"], few)).recall[10] == 1.0
