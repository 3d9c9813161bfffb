from itertools import permutations
from math import exp, log

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.records import SearchResult, unit_rows
from util.rerank import available_rerankers, build_reranker
from util.rerank._cache import ArrayCache
from util.rerank.base import Gallery, RankedQueries
from util.rerank.local.evidence import MatchEvidence
from util.rerank.local.matcher import Correspondences
from util.rerank.sift import Sift

SIBLING = ("CALDER", "oat drink", "VANILLA", "1 litre", "organic")


@pytest.fixture(scope="module")
def shelf(label, photograph, tilt):
    """The right label, its sibling, one in mirror writing and blank paper."""
    return {
        "right": photograph(label(), tilt),
        "sibling": photograph(label(SIBLING), tilt),
        "other": photograph(np.ascontiguousarray(label()[:, ::-1]), tilt),
        "blank": np.full((200, 200, 3), 220, np.uint8),
        "dot": np.zeros((1, 1, 3), np.uint8),
        "gone": None,
    }


@pytest.fixture
def ask(label, shelf, photos):
    """Asks about the plain label, with hits of given cosines."""

    def asked(hits: dict[str, float], *, query=None, kept=None):
        order = sorted(hits, key=lambda id_: -hits[id_])
        result = SearchResult(
            "q", tuple(order), np.array([hits[id_] for id_ in order]), tuple({"item": i} for i in order)
        )
        pictures = photos([label() if query is None else query], shelf if kept is None else kept)
        gallery = Gallery(tuple(order), unit_rows(np.ones((len(order), 2))))
        return RankedQueries((result,), np.ones((1, 2), np.float32) / np.sqrt(2), gallery, pictures)

    return asked


def test_they_are_found_by_name():
    assert {"sift", "saha", "loftr"} <= set(available_rerankers())
    built = build_reranker("sift:top=5,motion=affine,adalam=true")
    assert (built.top, built.motion, built.adalam, built.depth, built.needs_pictures) == (5, "affine", True, 5, True)
    assert build_reranker(built.describe()).describe() == built.describe()


def test_the_right_label_comes_first_though_it_came_last(ask):
    queries = ask({"blank": 0.95, "other": 0.93, "sibling": 0.92, "right": 0.91})
    found = Sift()(queries)
    (result,) = found.results
    assert result.ids == ("right", "sibling", "blank", "other")
    assert result.hits[0].metadata == {"item": "right"}
    seen = found.evidence[0]
    assert seen["right"].inlier_count > 50
    assert seen["right"].difference < seen["sibling"].difference
    assert seen["blank"].inlier_count == 0


def test_scores_are_what_the_definition_says(ask):
    queries = ask({"blank": 0.95, "sibling": 0.92, "right": 0.5})
    found = Sift(weight=0.5, penalty=2)(queries)
    for hit in found.results[0]:
        seen = found.evidence[0][hit.id]
        cosine = {"blank": 0.95, "sibling": 0.92, "right": 0.5}[hit.id]
        gain = 0.5 * log(1 + seen.inlier_count * exp(-2 * seen.difference)) if seen.inlier_count else 0.0
        assert hit.score == pytest.approx(cosine + gain, abs=1e-5)


def test_a_score_from_three_rows_written_by_hand():
    matches = Correspondences(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32))
    seen = MatchEvidence(matches, np.array([True, True, False]), np.eye(3), difference=0.5)
    assert Sift(penalty=0).score(seen) == pytest.approx(log(3))
    assert Sift(penalty=2).score(seen) == pytest.approx(log(1 + 2 / np.e))
    assert Sift().score(MatchEvidence(matches, np.zeros(3, bool))) == 0


def test_hits_behind_the_first_are_not_looked_at_and_stay_behind(ask):
    queries = ask({"blank": 0.95, "sibling": 0.92, "right": 0.91, "other": 0.2})
    found = Sift(top=2)(queries)
    assert found.results[0].ids == ("sibling", "blank", "right", "other")
    assert found.results[0].scores[2:].tolist() == pytest.approx([0.91, 0.2])
    assert set(found.evidence[0]) == {"blank", "sibling"}
    assert "right" not in queries.pictures.decoded


def test_the_order_of_candidates_does_not_change_the_answer(ask):
    answers = set()
    for order in permutations(("right", "sibling", "blank")):
        found = Sift()(ask(dict.fromkeys(order, 0.8)))
        answers.add((found.results[0].ids, tuple(found.results[0].scores.tolist())))
    assert len(answers) == 1


def test_two_photos_of_equal_pixels_tie_by_id(ask, shelf):
    found = Sift()(ask({"b": 0.8, "a": 0.8, "blank": 0.8}, kept={**shelf, "a": shelf["right"], "b": shelf["right"]}))
    assert found.results[0].ids == ("a", "b", "blank")
    assert found.results[0].scores[0] == found.results[0].scores[1]


def test_tiny_blank_and_missing_photos_keep_their_cosines(ask):
    found = Sift()(ask({"dot": 0.9, "gone": 0.8, "blank": 0.7, "right": 0.6}))
    assert found.results[0].ids == ("right", "dot", "gone", "blank")
    assert found.results[0].scores[1:].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert found.evidence[0]["gone"].problem == "gone: is gone"
    assert found.evidence[0]["gone"].to_json()["problem"]


@pytest.mark.parametrize("query", [np.zeros((1, 1, 3), np.uint8), np.full((90, 90, 3), 9, np.uint8)])
def test_a_query_without_print_changes_nothing(ask, query):
    found = Sift()(ask({"sibling": 0.9, "right": 0.8}, query=query))
    assert found.results[0].ids == ("sibling", "right")
    assert found.results[0].scores.tolist() == pytest.approx([0.9, 0.8])


def test_a_query_that_cannot_be_read_changes_nothing_and_says_so(ask, photos, shelf):
    queries = ask({"sibling": 0.9, "right": 0.8}).replace(pictures=photos([None], shelf))
    found = Sift()(queries)
    assert found.results[0].ids == ("sibling", "right")
    assert "cannot be read" in found.evidence[0]["right"].problem


def test_a_query_that_found_nothing(photos, label):
    empty = SearchResult("q", (), np.empty(0))
    queries = RankedQueries((empty,), np.ones((1, 2), np.float32), Gallery((), np.empty((0, 2))), photos([label()], {}))
    found = Sift()(queries)
    assert found.results[0].ids == ()
    assert found.evidence == ({},)


def test_without_photos_it_says_so(ask):
    with pytest.raises(InvalidInputError, match="'sift' looks at photos"):
        Sift()(ask({"right": 0.9}).replace(pictures=None))


def test_a_photo_is_decoded_once(ask, tmp_path):
    reranker = Sift(cache=ArrayCache(tmp_path))
    first, second, third = (ask({"right": 0.9, "sibling": 0.8}) for _ in range(3))
    answer = reranker(first)
    assert sorted(first.pictures.decoded) == ["query 0", "right", "sibling"]
    assert reranker(second).results[0].ids == answer.results[0].ids
    assert second.pictures.decoded == []
    again = Sift(cache=ArrayCache(tmp_path))(third)  # another process would find them on disk
    assert third.pictures.decoded == []
    np.testing.assert_array_equal(again.results[0].scores, answer.results[0].scores)


def test_other_options_do_not_find_old_features(ask, tmp_path):
    cache = ArrayCache(tmp_path)
    Sift(cache=cache)(ask({"right": 0.9}))
    queries = ask({"right": 0.9})
    Sift(cache=cache, keypoints=50)(queries)
    assert sorted(queries.pictures.decoded) == ["query 0", "right"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "top must be at least 1"),
        ({"weight": -1.0}, "weight must be at least 0"),
        ({"penalty": float("nan")}, "penalty"),
        ({"motion": "rigid"}, "homography or affine"),
        ({"min_inliers": 3}, "min_inliers"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"ratio": 2.0}, "ratio"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Sift(**options)


def test_affine_motions_and_adalam_find_the_right_label_too(ask):
    for options in ({"motion": "affine", "tolerance": 4.0}, {"adalam": True}, {"penalty": 0.0}):
        found = Sift(**options)(ask({"other": 0.95, "right": 0.9}))
        assert found.results[0].ids == ("right", "other"), options
        right, other = (found.evidence[0][id_].inlier_count for id_ in ("right", "other"))
        assert right > 3 * other  # an O is an O in mirror writing too


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inliers": np.ones(2, bool)}, "as many inlier marks"),
        ({"inliers": np.ones(3, bool)}, "not there"),
        ({"inliers": np.ones(3, bool), "model": np.eye(2)}, r"\(3, 3\)"),
        ({"inliers": np.ones(3, bool), "model": np.eye(3), "difference": 1.5}, "difference"),
    ],
)
def test_evidence_cannot_contradict_itself(change, message):
    matches = Correspondences(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32))
    with pytest.raises(InvalidInputError, match=message):
        MatchEvidence(matches, **change)


def test_evidence_as_json(ask):
    import json

    found = Sift()(ask({"right": 0.9}))
    told = json.loads(json.dumps(found.evidence[0]["right"].to_json(), allow_nan=False))
    assert told["inliers"] == len(told["query_points"]) == len(told["candidate_points"])
    assert np.array(told["model"]).shape == (3, 3)
