import json

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.evaluation.calibration import calibrate
from util.evaluation.evaluate import evaluate_ranking
from util.evaluation.ranking import own_images
from util.records import Decision, Evidence, Hit, ImageRecord, SearchResult


def records(items):
    return [ImageRecord(f"q{i}", f"photos/q{i}.jpg", item) for i, item in enumerate(items)]


def test_worked_example(shelf):
    results, query_items, gallery = shelf
    evaluation = evaluate_ranking(results, records(query_items), gallery, seconds=[0.01, 0.03], system={"space": "s"})
    assert evaluation.retrieval.n == 3
    assert evaluation.decisions is None
    assert [error.query for error in evaluation.errors] == ["q1", "q4", "q2"]
    assert evaluation.n_errors == 3 and evaluation.unsure == ()
    assert evaluation.confusion.dense().sum() == 4  # the query without a label is in no row
    assert evaluation.open_set.protocol == "unknown-queries"
    assert (evaluation.open_set.n_known, evaluation.open_set.n_unknown) == (3, 1)
    excluded = evaluation.excluded
    assert (excluded.unlabelled_queries, excluded.unknown_items, excluded.single_images) == (1, 1, 0)
    assert (evaluation.gallery.images, evaluation.gallery.items, evaluation.gallery.complete) == (4, 3, True)
    assert sum(evaluation.pair_scores.same) == 2 + 1 + 0 + 1
    assert sum(evaluation.pair_scores.different) == 4 * 4 - 4
    assert evaluation.latency.p50 == pytest.approx(20.0)


def test_the_json_that_others_rely_on(shelf):
    results, query_items, gallery = shelf
    evaluation = evaluate_ranking(
        results, records(query_items), gallery, calibration=calibrate([0.9], [0.1]), seconds=[0.01]
    )
    written = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert written["n"] == 3 and len(written["top1_ci95"]) == 2
    assert set(written["recall"]) == {"1", "5", "10"}
    assert {"map", "map_at_r", "confusion", "errors", "worst_confusions", "excluded", "system"} <= written.keys()
    open_set = written["open_set"]
    assert {"auroc", "tar_at_far", "threshold", "protocol", "n_known", "n_unknown"} <= open_set.keys()
    assert set(open_set["tar_at_far"]) == {"0.01", "0.1"}
    assert {"p50", "p95"} <= written["latency_ms"].keys()
    assert written["errors"][0]["query_path"] == "photos/q1.jpg"
    assert written["calibration"]["threshold"] == open_set["threshold"] == pytest.approx(0.5)
    assert sum(written["decisions"].values()) == 4


def test_queries_from_the_gallery_do_not_find_themselves():
    """Two clusters of two photos: without the exclusion everything would be right, and nothing is."""
    gallery = {"a1": "a", "a2": "a", "b1": "b", "lonely": "c"}
    vectors = np.array([[1, 0.0], [0, 1], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    ids = list(gallery)
    results = [
        SearchResult(ids[row], tuple(ids[j] for j in order), (vectors @ vectors[row])[order])
        for row in range(4)
        for order in [np.argsort(-(vectors @ vectors[row]), kind="stable")]
    ]
    queries = [ImageRecord(id_, id_, item) for id_, item in gallery.items()]
    naive = evaluate_ranking(results, queries, gallery)
    honest = evaluate_ranking(results, queries, gallery, excluded=own_images(query_ids=ids))
    assert naive.retrieval.top1 == 1.0
    assert (honest.retrieval.n, honest.retrieval.top1) == (2, 0.0)
    assert honest.excluded.single_images == 2 and honest.excluded.own_images == 4
    assert all(error.hit != error.query for error in honest.errors)


def test_given_decisions_bring_their_threshold(shelf):
    results, query_items, gallery = shelf
    evidence = Evidence((Hit("g1", 0.9, "milk", {}),), None, None, 1, "")
    decisions = [Decision(f"q{i}", "unsure", "milk", 0.9, 0.95, evidence) for i in range(5)]
    evaluation = evaluate_ranking(results, records(query_items), gallery, decisions=decisions)
    assert evaluation.decisions.known_unsure == 3 and evaluation.decisions.unknown_unsure == 1
    assert evaluation.open_set.threshold == 0.95 and evaluation.open_set.threshold_source == "given"
    assert len(evaluation.unsure) == 4 and evaluation.errors == ()
    # What first hits mix up is told all the same: q1 and, by the order of a tie, q4.
    mixed_up = [(one.true_item, one.predicted) for one in evaluation.worst_confusions]
    assert mixed_up == [("cream", "milk"), ("juice", "cream")]
    assert evaluation.confusion.counts.tolist() == [1, 1, 1, 1]
    assert evaluation.confusion_of_first_hits.counts.sum() == 3  # the soup is not among them


def test_cut_rankings_say_so(results_of):
    gallery = {f"g{i:02}": f"item{i % 6}" for i in range(24)}
    scores = np.random.default_rng(0).random((30, 24))
    queries = records([f"item{i % 6}" for i in range(30)])
    full = evaluate_ranking(results_of(scores, list(gallery)), queries, gallery)
    cut = evaluate_ranking(results_of(scores, list(gallery), depth=10), queries, gallery)
    assert full.pair_scores is not None and cut.pair_scores is None
    assert (cut.gallery.depth, cut.gallery.complete) == (10, False)
    assert cut.retrieval.top1 == full.retrieval.top1 and cut.retrieval.map < full.retrieval.map
    assert cut.open_set.known_cut > 0 and cut.open_set.auroc <= full.open_set.auroc


def test_a_gallery_of_one_item_has_no_open_set(results_of):
    evaluation = evaluate_ranking(results_of([[0.5]], ["g"]), records(["milk"]), {"g": "milk"})
    assert evaluation.open_set is None and evaluation.retrieval.top1 == 1.0
    json.dumps(evaluation.to_json(), allow_nan=False)


def test_images_without_a_label_are_taken_out(results_of):
    gallery = {"g1": None, "g2": "milk", "g3": "cream"}
    evaluation = evaluate_ranking(results_of([[0.9, 0.5, 0.4]], list(gallery)), records(["milk"]), gallery)
    assert evaluation.retrieval.top1 == 1.0
    assert evaluation.gallery.unlabelled == 1


def test_lists_are_bounded(results_of):
    gallery = {"g1": "milk", "g2": "cream"}
    scores = np.tile([0.9, 0.1], (1200, 1))
    evaluation = evaluate_ranking(results_of(scores, list(gallery)), records(["cream"] * 1200), gallery)
    assert len(evaluation.errors) == 1000 and evaluation.n_errors == 1200


FOUND = SearchResult("q", ("a",), np.array([1.0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], {"a": "x"}), "none of the 0 queries"),
        (([FOUND], records([None]), {"a": "x"}), "none of the 1 queries has an item label"),
        (([], records(["x"]), {"a": "x"}), "got 0 results"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        evaluate_ranking(*arguments)


def test_refuses_decisions_of_other_queries():
    with pytest.raises(InvalidInputError, match="1 results and 0 decisions"):
        evaluate_ranking([FOUND], records(["x"]), {"a": "x"}, decisions=[])
