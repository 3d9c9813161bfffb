"""Ranking by score, then id."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp

from util.vector_store.embedded.exact import Candidates
from util.vector_store.embedded.naming import Names, ranked_fully
from util.vector_store.embedded.rows import VectorRows

SCORES = st.sampled_from([-1.0, -0.5, -1e-40, 0.0, 1e-40, 0.1, 0.5, 1.0]) | st.floats(-1, 1, width=32)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12), elements=SCORES),
       st.integers(1, 15), st.randoms())  # fmt: skip
def test_full_rankings_are_sorted_pairs(scores, k, random):
    scores = scores + np.float32(0)
    places = list(range(scores.shape[1]))
    random.shuffle(places)
    rankings = list(ranked_fully(scores, np.array(places, dtype=np.intp), k))
    for line, ranking in zip(scores.tolist(), rankings, strict=True):
        expected = sorted((-score, place) for score, place in zip(line, places, strict=True))[:k]
        assert ranking.places.tolist() == [place for _, place in expected]
        assert ranking.scores.tolist() == [-score for score, _ in expected]


def test_names_find_keys_and_order_ties_by_id():
    ids = np.array(["a", "b", "c", "d"], dtype=object)
    names = Names(np.array([40, 10, 30, 20]), ids)
    assert names.places(np.array([10, 20, 30, 40])).tolist() == [1, 3, 2, 0]
    rows = VectorRows(1, np.array([10, 20, 30, 40]), (np.zeros((4, 2), dtype=np.float32),), np.empty(0, dtype=np.intp))
    found = Candidates(np.array([0, 1, 2, 3]), np.array([0.5, 0.9, 0.5, 0.5], dtype=np.float32))
    ranking = names.ranked(rows, found, 3)
    assert ids[ranking.places].tolist() == ["d", "a", "b"]
    assert ranking.scores.tolist() == np.float32([0.9, 0.5, 0.5]).tolist()
