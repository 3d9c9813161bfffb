"""Both measures against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.metric_learning import ranking_quality
from util.metric_learning.ranking_quality import score_at_top_k, similarity_precision


@given(st.integers(0, 999), st.integers(1, 12), st.sampled_from([1, 3, 1024]))
def test_counted_by_hand(seed, k, rows):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(10, 3)).astype(np.float32)
    triplets = np.array([random.permutation(10)[:3] for _ in range(7)])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    right, score = 0, 0
    for anchor, positive, negative in triplets:
        others = sorted(set(range(10)) - {anchor}, key=lambda i: -(units[anchor] @ units[i]))
        correct = others.index(positive) < others.index(negative)
        right += correct
        if {positive, negative} & set(others[:k]):
            score += 1 if correct else -1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking_quality, "_ROWS_AT_ONCE", rows)
        assert score_at_top_k(vectors, triplets, k=k) == score
    assert similarity_precision(vectors, triplets) == pytest.approx(right / 7)


def test_a_tie_is_wrong():
    assert similarity_precision(np.ones((3, 2), np.float32), np.array([[0, 1, 2]])) == 0


@pytest.mark.parametrize(
    ("triplets", "k", "message"),
    [
        (np.empty((0, 3), int), 1, "at least one"),
        (np.array([[0, 1]]), 1, r"shape \(M, 3\)"),
        (np.array([[0, 1, 3]]), 1, "positions of the 3 embeddings"),
        (np.array([[0, 1, -1]]), 1, "positions of the 3 embeddings"),
        (np.array([[0, 1, 2]]), 0, "k must be at least 1"),
    ],
)
def test_what_cannot_be_scored_is_said(triplets, k, message):
    with pytest.raises(InvalidInputError, match=message):
        score_at_top_k(np.eye(3, dtype=np.float32), triplets, k=k)
