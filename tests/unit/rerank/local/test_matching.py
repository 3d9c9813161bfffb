import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.rerank.local.features import LocalFeatures
from util.rerank.local.matching import match_features


def features(descriptors: np.ndarray) -> LocalFeatures:
    count = len(descriptors)
    zeros = np.zeros(count, np.float32)
    return LocalFeatures(np.zeros((count, 2), np.float32), zeros, zeros.copy(), descriptors.astype(np.uint8), (9, 9))


def naive(query: np.ndarray, candidate: np.ndarray, ratio: float) -> list[tuple[int, int]]:
    """Lowe's test and mutual agreement, pair by pair, on distances of unit vectors."""

    def distance(a, b):
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        return math.dist(a, b)

    pairs = []
    for i, one in enumerate(query):
        distances = [distance(one, other) for other in candidate]
        j = int(np.argmin(distances))
        others = [d for place, d in enumerate(distances) if place != j]
        back = int(np.argmin([distance(candidate[j], other) for other in query]))
        if back == i and (not others or distances[j] < ratio * min(others)):
            pairs.append((i, j))
    return pairs


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0.6, 0.8, 0.95]), st.integers(0, 10_000))
def test_as_the_definition_says(n, m, ratio, seed):
    rng = np.random.default_rng(seed)
    query = rng.integers(1, 256, (n, 16))
    candidate = np.vstack(
        [query[: m // 2] + rng.integers(-1, 1, (len(query[: m // 2]), 16)), rng.integers(1, 256, (m, 16))]
    )
    candidate = candidate.clip(1, 255)
    found = match_features(features(query), features(candidate), ratio=ratio)
    assert [tuple(pair) for pair in found.tolist()] == naive(query.astype(float), candidate.astype(float), ratio)


def test_a_word_that_stands_twice_matches_neither():
    word = np.arange(1, 17)
    twice = np.vstack([word, word, np.arange(17, 1, -1)])
    assert match_features(features(word[None]), features(twice)).tolist() == []


def test_a_single_candidate_has_no_rival():
    word = np.arange(1, 17)[None]
    assert match_features(features(word), features(word)).tolist() == [[0, 0]]


def test_nothing_matches_nothing():
    some, none = features(np.ones((3, 16))), features(np.ones((0, 16)))
    for pair in ((some, none), (none, some), (none, none)):
        assert match_features(*pair).shape == (0, 2)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1.01, math.nan])
def test_a_ratio_out_of_range_is_refused(ratio):
    with pytest.raises(InvalidInputError, match="ratio"):
        match_features(features(np.ones((1, 4))), features(np.ones((1, 4))), ratio=ratio)


def test_descriptors_of_another_length_are_refused():
    with pytest.raises(InvalidInputError, match="16 and 8 numbers"):
        match_features(features(np.ones((1, 16))), features(np.ones((1, 8))))
