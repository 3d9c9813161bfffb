import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.evaluation.ranking import rank_gallery
from util.evaluation.trials import open_set_trials

items = st.sampled_from(["a", "b", "c"])


@st.composite
def score_matrices(draw):
    gallery = {f"g{i}": item for i, item in enumerate(draw(st.lists(items, min_size=1, max_size=6)))}
    queries = draw(st.lists(st.one_of(items, st.none(), st.just("d")), min_size=1, max_size=5))
    scores = [[draw(st.integers(-8, 8)) / 8 for _ in gallery] for _ in queries]
    return scores, queries, gallery


@pytest.mark.parametrize("protocol", ["unknown-queries", "leave-item-out", None])
@given(matrix=score_matrices())
def test_agrees_with_plain_maxima_of_the_score_matrix(results_of, protocol, matrix):
    scores, queries, gallery = matrix
    trials = open_set_trials(rank_gallery(results_of(scores, list(gallery)), queries, gallery), protocol=protocol)
    if protocol is None:
        missing = any(item is not None and item not in gallery.values() for item in queries)
        assert trials.protocol == ("unknown-queries" if missing else "leave-item-out")
    known, best, first, unknown = [], [], [], []
    for row, item in enumerate(queries):
        if item is None:
            continue
        own = [score for score, label in zip(scores[row], gallery.values(), strict=True) if label == item]
        others = [score for score, label in zip(scores[row], gallery.values(), strict=True) if label != item]
        if own:
            known.append(max(own))
            best.append(max(scores[row]))
            order = sorted(zip(scores[row], gallery, strict=True), key=lambda hit: (-hit[0], hit[1]))
            first.append(gallery[order[0][1]] == item)
        if others and (trials.protocol == "leave-item-out" or not own):
            unknown.append(max(others))
    assert trials.known.tolist() == known
    assert trials.known_best.tolist() == best
    assert trials.ranked_first.tolist() == first
    assert trials.unknown.tolist() == unknown
    assert (trials.known_cut, trials.unknown_cut) == (0, 0)


@given(score_matrices(), st.integers(1, 4))
def test_a_cut_ranking_never_looks_better(results_of, matrix, depth):
    scores, queries, gallery = matrix
    full = open_set_trials(rank_gallery(results_of(scores, list(gallery)), queries, gallery), protocol="leave-item-out")
    cut = open_set_trials(
        rank_gallery(results_of(scores, list(gallery), depth=depth), queries, gallery), protocol="leave-item-out"
    )
    assert np.all(cut.known <= full.known) and np.all(cut.unknown >= full.unknown)
    assert cut.known_cut == np.count_nonzero(np.isneginf(cut.known))
    assert cut.unknown_cut >= np.count_nonzero(cut.unknown > full.unknown)


def test_own_photo_taken_out_makes_the_only_photo_of_an_item_unknown(results_of):
    gallery = {"g1": "a", "g2": "a", "g3": "b"}
    similar = [[1.0, 0.9, 0.2], [0.9, 1.0, 0.3], [0.2, 0.3, 1.0]]
    excluded = [[id_] for id_ in gallery]
    ranking = rank_gallery(results_of(similar, list(gallery)), list(gallery.values()), gallery, excluded=excluded)
    trials = open_set_trials(ranking)
    assert trials.protocol == "leave-item-out"
    assert trials.known.tolist() == pytest.approx([0.9, 0.9])
    assert trials.unknown.tolist() == pytest.approx([0.2, 0.3, 0.3])


def test_a_gallery_of_one_item_gives_no_unknown_trial(results_of):
    ranking = rank_gallery(results_of([[0.5]], ["g"]), ["a"], {"g": "a"})
    trials = open_set_trials(ranking)
    assert trials.known.tolist() == [0.5] and trials.unknown.size == 0


def test_nothing_found_is_not_accepted(results_of):
    ranking = rank_gallery(results_of([[0.5, 0.4]], ["g", "h"], depth=0), ["a"], {"g": "a", "h": "b"})
    trials = open_set_trials(ranking)
    assert trials.known.tolist() == [-math.inf] and trials.known_cut == 1 and trials.unknown.size == 0
