import numpy as np
import pytest

from util.evaluation.calibration import calibrate
from util.evaluation.judging import judge_decisions, judge_first_hits
from util.evaluation.ranking import rank_gallery
from util.records import Decision, Evidence, Hit, ImageRecord

PATHS = {"g1": "shelf/g1.jpg", "g3": "shelf/g3.jpg"}


@pytest.fixture
def queries(shelf):
    return [ImageRecord(f"q{i}", f"photos/q{i}.jpg", item) for i, item in enumerate(shelf[1])]


def test_first_hits(shelf, queries):
    outcomes = judge_first_hits(rank_gallery(*shelf), queries, paths=PATHS)
    assert [one.query for one in outcomes] == ["q0", "q1", "q2", "q4"]  # q3 has no label
    right, second, unknown, tied = outcomes
    assert right.right and (right.hit, right.hit_path, right.right_place) == ("g1", "shelf/g1.jpg", 1)
    assert second.wrong and (second.true_item, second.item, second.hit) == ("cream", "milk", "g1")
    assert (second.right_hit, second.right_path, second.right_place) == ("g3", "shelf/g3.jpg", 2)
    assert second.score == pytest.approx(0.8) and second.right_score == pytest.approx(0.6)
    assert unknown.wrong and (unknown.true_item, unknown.label, unknown.right_hit) == (None, "soup", None)
    assert tied.wrong and (tied.hit, tied.right_hit, tied.right_path) == ("g3", "g4", None)
    assert right.query_path == "photos/q0.jpg"


def test_a_calibration_decides_by_score(shelf, queries):
    calibration = calibrate([0.65, 0.9], [0.1, 0.75], far=0.0, miss_rate=0.0)
    outcomes = judge_first_hits(rank_gallery(*shelf), queries, calibration=calibration, paths={})
    assert [one.decision for one in outcomes] == ["known", "known", "new", "unsure"]
    assert outcomes[2].right and (outcomes[2].item, outcomes[2].hit, outcomes[2].hit_item) == (None, "g3", "cream")


def test_a_score_that_two_items_share_is_left_open(shelf, queries):
    calibration = calibrate([0.65, 0.9], [0.1, 0.2], far=0.0)  # threshold in the middle of 0.2 and 0.65
    outcomes = judge_first_hits(rank_gallery(*shelf), queries, calibration=calibration, paths={})
    assert outcomes[3].score > calibration.threshold and outcomes[3].decision == "unsure"
    assert [one.decision for one in outcomes[:3]] == ["known"] * 3


def test_nothing_found_is_new(results_of):
    ranking = rank_gallery(results_of([[0.5]], ["g"], depth=0), ["milk"], {"g": "milk"})
    [outcome] = judge_first_hits(ranking, [ImageRecord("q", "q.jpg", "milk")], paths={})
    assert (outcome.decision, outcome.hit, outcome.score, outcome.right_place) == ("new", None, None, None)
    assert outcome.wrong


def test_decisions_of_the_system_stand(shelf, queries):
    evidence = Evidence((Hit("g3", 0.6, "cream", {}),), None, None, 1, "re-ranked")
    made = Decision("q", "known", "cream", 0.6, 0.5, evidence)
    no_match = Decision("q", "new", None, None, 0.5, Evidence((), None, None, 1, "empty"))
    outcomes = judge_decisions(rank_gallery(*shelf), queries, [made, made, no_match, made, no_match], paths=PATHS)
    assert [one.right for one in outcomes] == [False, True, True, False]
    assert (outcomes[0].hit, outcomes[0].hit_path, outcomes[0].right_hit) == ("g3", "shelf/g3.jpg", "g1")
    assert outcomes[1].hit_item == "cream"
    assert outcomes[3].hit is None and np.isclose(outcomes[3].right_score, 0.7)
