"""DeepRanking's triplets against the paper's probabilities, worked out triplet by triplet."""

import itertools
from collections import Counter

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.metric_learning.relevance_triplets import RelevanceTriplets, relevance_of_embeddings

LABELS = np.array([1, 0, 1, 0, 1, 0, 2, 1])


@pytest.fixture
def relevance():
    values = np.random.default_rng(4).uniform(0.05, 2, (8, 8))
    return (values + values.T) / 2


def within(values):
    return lambda images: values[np.ix_(images, images)]


def probabilities(values, *, cap, margin, inside):
    """Of every triplet, by the paper's law; in-class draws that are turned down are drawn again."""
    n = range(len(LABELS))
    same = {i: [j for j in n if j != i and LABELS[j] == LABELS[i]] for i in n}
    totals = {i: sum(values[i, j] for j in same[i]) for i in n}
    found = {}
    for i, j, k in itertools.permutations(n, 3):
        if j not in same[i] or inside != (k in same[i]):
            continue
        chance = totals[i] / sum(totals.values())
        chance *= min(cap, values[i, j]) / sum(min(cap, values[i, m]) for m in same[i])
        if not inside:
            found[i, j, k] = chance / (len(n) - 1 - len(same[i]))
        elif values[i, j] - values[i, k] >= margin:
            able = [m for m in same[i] if m != j and values[i, j] - values[i, m] >= margin]
            found[i, j, k] = chance * min(cap, values[i, k]) / sum(min(cap, values[i, m]) for m in able)
    whole = sum(found.values())
    return {triplet: chance / whole for triplet, chance in found.items()}


@pytest.mark.parametrize("inside", [True, False])
def test_drawn_with_the_papers_probabilities(relevance, inside):
    expected = probabilities(relevance, cap=0.9, margin=0.1, inside=inside)
    sampling = RelevanceTriplets(
        LABELS, within(relevance), seed=0, positive_threshold=0.9, margin=0.1, out_of_class=float(not inside)
    )
    count = 40_000
    drawn = Counter(map(tuple, sampling.epoch(0, count=count).tolist()))
    assert drawn.total() == count
    assert set(drawn) <= set(expected)
    for triplet, chance in expected.items():
        assert drawn[triplet] / count == pytest.approx(chance, abs=5 * np.sqrt(chance / count))


def test_a_share_is_out_of_class(relevance):
    anchors, positives, negatives = RelevanceTriplets(LABELS, within(relevance), seed=0).epoch(0, count=500).T
    assert (LABELS[anchors] == LABELS[positives]).all() and (anchors != positives).all()
    assert (LABELS[anchors] != LABELS[negatives]).sum() == 100
    inside = LABELS[anchors] == LABELS[negatives]
    gaps = relevance[anchors, positives] - relevance[anchors, negatives]
    assert (gaps[inside] >= 0.05).all()
    assert not np.all(np.sort(inside)[::-1] == inside)


def test_depends_on_seed_and_epoch_alone(relevance):
    def drawn(seed, epoch):
        return RelevanceTriplets(LABELS, within(relevance), seed=seed).epoch(epoch, count=50)

    np.testing.assert_array_equal(drawn(0, 1), drawn(0, 1))
    assert not np.array_equal(drawn(0, 1), drawn(0, 2))
    assert not np.array_equal(drawn(0, 1), drawn(1, 1))


def test_relevance_of_embeddings_is_their_cosine_similarity():
    embeddings = np.float32([[2, 0], [1, 1], [-1, 0], [0, 5]])
    np.testing.assert_allclose(
        relevance_of_embeddings(embeddings)(np.array([0, 1, 2])),
        [[1, 0.5**0.5, 0], [0.5**0.5, 1, 0], [0, 0, 1]],
        atol=1e-6,
    )


def test_images_without_relevance_are_no_anchors(relevance):
    relevance[3] = relevance[:, 3] = 0
    drawn = RelevanceTriplets(LABELS, within(relevance), seed=0).epoch(0, count=400)
    assert 3 not in drawn[:, :2]
    assert 6 not in drawn[:, :2]  # alone in its class
    assert 6 in drawn[:, 2]


@pytest.mark.parametrize(
    ("labels", "values", "options", "count", "message"),
    [
        ([0, 1], np.ones((2, 2)), {}, 5, "no image of the 2 classes has any relevance"),
        ([0, 0, 0], np.ones((3, 3)), {}, 5, "all 3 images show the same item"),
        ([0, 0, 0, 1], np.ones((4, 4)), {}, 5, "no image is less relevant than a positive by 0.05"),
        ([0, 0, 1], -np.ones((3, 3)), {}, 5, "numbers of at least 0"),
        ([0, 0, 1], np.ones((3, 3)), {}, 0, "at least one triplet"),
        ([0, 0, 1], np.ones((3, 3)), {"out_of_class": 2}, 5, r"out_of_class in \[0, 1\]"),
        ([0, 0, 1], np.ones((3, 3)), {"positive_threshold": 0}, 5, "positive_threshold must be above 0"),
    ],
)
def test_what_gives_no_triplet_is_said(labels, values, options, count, message):
    with pytest.raises(InvalidInputError, match=message):
        RelevanceTriplets(labels, within(values), seed=0, **options).epoch(0, count=count)


def test_a_relevance_of_another_shape_is_refused():
    with pytest.raises(InvalidInputError, match=r"got shape \(2,\) for 2"):
        RelevanceTriplets([0, 0, 1], lambda images: np.ones(len(images)), seed=0).epoch(0, count=3)
