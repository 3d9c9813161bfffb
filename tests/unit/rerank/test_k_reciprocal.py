"""k-reciprocal re-ranking against sets and loops written down from the paper's formulas."""

import math
from functools import cache

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.rerank import build_reranker


def naive(queries, number, *, k1, k2, lam):
    """Final scores by id, with Python sets: the gallery among itself, then the query against it."""
    vectors, query = queries.gallery.vectors.astype(float), queries.vectors[number].astype(float)
    n = len(vectors)

    cosines = (vectors @ vectors.T).tolist()
    ranked = [
        sorted((other for other in range(n) if other != image), key=lambda other: (-cosines[image][other], other))
        for image in range(n)
    ]

    def neighbours(image, k):
        return ranked[image][:k]

    @cache
    def reciprocal(image, k):
        return {image} | {other for other in neighbours(image, k) if image in neighbours(other, k)}

    def grown(members):
        result = set(members)
        for member in members:
            half = reciprocal(member, round(k1 / 2))
            if len(half & members) > 2 / 3 * len(half) + 1e-9:
                result |= half
        return result

    def weights(vector, members):
        kernel = {member: math.exp(-float(((vector - vectors[member]) ** 2).sum())) for member in members}
        total = sum(kernel.values())
        return {member: value / total for member, value in kernel.items()}

    def mean(descriptions):
        keys = {key for description in descriptions for key in description}
        return {key: sum(d.get(key, 0.0) for d in descriptions) / len(descriptions) for key in keys}

    plain = [weights(vectors[image], grown(reciprocal(image, k1))) for image in range(n)]
    averaged = [mean([plain[i] for i in [image, *neighbours(image, k2 - 1)]]) for image in range(n)]

    hits = [queries.gallery.position[id_] for id_ in queries.results[number].ids]

    def has_query_as_neighbour(image):
        nearer = neighbours(image, k1)
        return len(nearer) < k1 or query @ vectors[image] >= vectors[nearer[-1]] @ vectors[image] - 1e-7

    members = {hit for hit in hits[:k1] if has_query_as_neighbour(hit)}
    own = mean([weights(query, grown(members)), *(plain[hit] for hit in hits[: k2 - 1])])
    scores = {}
    for hit in hits:
        keys = own.keys() | averaged[hit].keys()
        smaller = sum(min(own.get(key, 0.0), averaged[hit].get(key, 0.0)) for key in keys)
        larger = sum(max(own.get(key, 0.0), averaged[hit].get(key, 0.0)) for key in keys)
        jaccard = 1 - (smaller / larger if larger else 0.0)
        scores[queries.gallery.ids[hit]] = 1 - (1 - lam) * jaccard - lam * (1 - float(query @ vectors[hit]))
    return scores


@pytest.mark.parametrize(("k1", "k2", "lam"), [(20, 6, 0.3), (5, 3, 0.3), (4, 1, 0.0), (1, 1, 0.5), (80, 20, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_equals_sets_and_loops(drawn, seed, k1, k2, lam):
    queries = drawn(seed)
    answered = build_reranker(f"k_reciprocal:k1={k1},k2={k2},lam={lam}")(queries)
    for number, result in enumerate(answered.results):
        expected = naive(queries, number, k1=k1, k2=k2, lam=lam)
        assert set(result.ids) == set(expected)
        np.testing.assert_allclose(result.scores, [expected[id_] for id_ in result.ids], atol=2e-5)


def test_equals_sets_and_loops_with_few_hits(drawn):
    queries = drawn(7)
    short = queries.replace(results=tuple(type(r)(r.query, r.ids[:4], r.scores[:4]) for r in queries.results))
    answered = build_reranker("k_reciprocal:k1=6,k2=3")(short)
    for number, result in enumerate(answered.results):
        expected = naive(short, number, k1=6, k2=3, lam=0.3)
        np.testing.assert_allclose(result.scores, [expected[id_] for id_ in result.ids], atol=2e-5)


def test_three_rows_by_hand(asked):
    # a and b are mutual neighbours; c's nearest is b, which is nearer to a: c is nobody's neighbour at k1 = 1.
    queries = asked([[1.0, 0.0], [0.96, 0.28], [0.0, 1.0]], [[1.0, 0.0]])
    # With k1 = k2 = 1 the half sets are the images alone: a and b are described by a and b, c by itself. The query has
    # a as its nearest; a's nearest, b, scores 0.96 < 1: reciprocal. The query is described by a alone, with weight 1.
    answered = build_reranker("k_reciprocal:k1=1,k2=1,lam=0")(queries)
    near, far = 1.0, math.exp(-(2 - 2 * 0.96))
    weight_a, weight_b = near / (near + far), far / (near + far)
    found = dict(zip(answered.results[0].ids, answered.results[0].scores.tolist(), strict=True))
    # Jaccard of {a: 1} with {a: wa, b: wb}: min is wa, max is 1 + wb; with b's own {a: wb', b: wa'} likewise.
    assert found["a"] == pytest.approx(weight_a / (1 + weight_b), abs=1e-5)
    assert found["b"] == pytest.approx(weight_b / (1 + weight_a), abs=1e-5)
    assert found["c"] == 0.0
    assert answered.results[0].ids == ("a", "b", "c")


def test_lambda_one_changes_nothing(drawn):
    queries = drawn(3)
    answered = build_reranker("k_reciprocal:lam=1")(queries)
    assert [result.ids for result in answered.results] == [result.ids for result in queries.results]
    for before, after in zip(queries.results, answered.results, strict=True):
        np.testing.assert_allclose(after.scores, before.scores, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"), [("k1=0", "k1"), ("k2=0", "k2"), ("lam=1.5", "lam"), ("lam=-1", "lam")]
)
def test_refuses_options_out_of_range(options, message):
    with pytest.raises(InvalidInputError, match=message):
        build_reranker(f"k_reciprocal:{options}")
