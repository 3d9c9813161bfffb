import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.triplets import places_of, score_at_top_k, similarity_precision

LEVEL = st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0])
TRIPLETS = st.lists(st.tuples(LEVEL, LEVEL, st.integers(1, 60), st.integers(1, 60)), max_size=20)


@given(TRIPLETS, st.integers(1, 40))
def test_equal_to_counting_triplet_by_triplet(triplets, k):
    positive, negative, positive_places, negative_places = (
        [row[i] for row in triplets] for i in range(4)
    )  # fmt: skip
    right = sum(p > n for p, n, _, _ in triplets)
    precision = similarity_precision(positive, negative)
    assert precision == pytest.approx(right / len(triplets)) if triplets else math.isnan(precision)
    score = 0
    for p, n, p_place, n_place in triplets:
        if p_place <= k or n_place <= k:
            score += 1 if p > n else -1
    assert score_at_top_k(positive, negative, positive_places, negative_places, k=k) == score


@given(st.lists(st.lists(LEVEL, min_size=4, max_size=4), min_size=1, max_size=6), st.data())
def test_places_count_equal_scores_before(rows, data):
    wanted = [data.draw(st.integers(0, 3)) for _ in rows]
    expected = [sum(other >= row[own] for other in row) for row, own in zip(rows, wanted, strict=True)]
    assert places_of(rows, wanted).tolist() == expected


def test_images_that_do_not_count_stand_behind():
    assert places_of([[-np.inf, 0.2, 0.9]], [1]).tolist() == [2]
    assert places_of(np.zeros((0, 3)), []).tolist() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: similarity_precision([0.1], [0.1, 0.2]), "as many positive as negative"),
        (lambda: similarity_precision([math.nan], [0.1]), "not a finite number"),
        (lambda: score_at_top_k([0.1], [0.2], [1], [1, 2]), "as many places"),
        (lambda: score_at_top_k([0.1], [0.2], [1], [0]), "count from 1 on"),
        (lambda: score_at_top_k([0.1], [0.2], [1], [1], k=0), "count from 1 on"),
        (lambda: places_of([[0.1]], [1]), "none of the 1"),
        (lambda: places_of([0.1], [0]), r"scores \(T, G\)"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
