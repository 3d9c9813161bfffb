"""Query expansion, augmentation and concatenation: three rows by hand, and loops over everything."""

import math

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.records import SearchResult
from util.rerank import build_reranker

ROOT = math.sqrt(0.5)


def unit(vector):
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else list(vector)


def moved(query, hits, weights):
    """unit(q + Σ w v), number by number."""
    return unit(
        [value + sum(w * hit[d] for w, hit in zip(weights, hits, strict=False)) for d, value in enumerate(query)]
    )


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def hit_vectors(queries, number):
    return [queries.gallery.vectors[row].tolist() for row in queries.rows(number)]


def check_cosines(queries, answered, expected_query):
    """Scores and order are those of the cosines to the moved queries."""
    for number, result in enumerate(answered.results):
        query = expected_query(queries.vectors[number].tolist(), hit_vectors(queries, number))
        np.testing.assert_allclose(answered.vectors[number], query, atol=1e-5)
        for hit in result:
            vector = queries.gallery.vectors[queries.gallery.position[hit.id]].tolist()
            assert hit.score == pytest.approx(dot(query, vector), abs=1e-5)


@pytest.mark.parametrize("n", [1, 3, 100])
def test_aqe_equals_loops(drawn, n):
    queries = drawn(n)
    check_cosines(queries, build_reranker(f"aqe:n={n}")(queries), lambda q, hits: moved(q, hits, [1.0] * min(n, 60)))


@pytest.mark.parametrize(("n", "alpha"), [(10, 3.0), (4, 0.0), (100, 1.5)])
def test_alpha_qe_equals_loops(drawn, n, alpha):
    queries = drawn(n)

    def expected(query, hits):
        cosines = [dot(query, hit) for hit in hits[:n]]
        return moved(query, hits, [c**alpha if c > 0 else 0.0 for c in cosines])

    check_cosines(queries, build_reranker(f"alpha_qe:n={n},alpha={alpha}")(queries), expected)


@pytest.mark.parametrize(("n", "power"), [(10, 4.0), (3, 1.0), (100, 0.0)])
def test_rank_qe_equals_loops(drawn, n, power):
    queries = drawn(n)
    weights = [((n + 1 - rank) / (n + 1)) ** power for rank in range(1, n + 1)]
    answered = build_reranker(f"rank_qe:n={n},power={power}")(queries)
    check_cosines(queries, answered, lambda query, hits: moved(query, hits, weights))


def neighbours_by_loops(vectors, k):
    near = []
    for image, vector in enumerate(vectors):
        others = [(-dot(vector, other), row) for row, other in enumerate(vectors) if row != image]
        near.append([row for _, row in sorted(others)[:k]])
    return near


@pytest.mark.parametrize(("n", "last", "query"), [(3, 0.01, True), (5, 0.5, False), (100, 0.1, True)])
def test_dba_equals_loops(drawn, n, last, query):
    queries = drawn(n)
    vectors = queries.gallery.vectors.tolist()
    weights = [last ** (rank / n) for rank in range(1, n + 1)]
    near = neighbours_by_loops(vectors, n)
    augmented = [moved(vector, [vectors[row] for row in near[image]], weights) for image, vector in enumerate(vectors)]
    answered = build_reranker(f"dba:n={n},last={last},query={query}")(queries)
    np.testing.assert_allclose(answered.gallery.vectors, augmented, atol=1e-5)
    for number, result in enumerate(answered.results):
        asked = queries.vectors[number].tolist()
        if query:
            asked = moved(asked, hit_vectors(queries, number), weights)
        for hit in result:
            assert hit.score == pytest.approx(dot(asked, augmented[queries.gallery.position[hit.id]]), abs=1e-5)


@pytest.mark.parametrize("n", [1, 3, 100])
def test_aqe_concat_equals_loops(drawn, n):
    queries = drawn(n)
    mean = [sum(column) / 60 for column in zip(*queries.gallery.vectors.tolist(), strict=True)]

    def centred(vector):
        return unit([value - middle for value, middle in zip(vector, mean, strict=True)])

    def middle(vectors):
        return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]

    images = [centred(vector) for vector in queries.gallery.vectors.tolist()]
    around = [middle([images[row] for row in near]) for near in neighbours_by_loops(images, n)]
    answered = build_reranker(f"aqe_concat:n={n}")(queries)
    for number, result in enumerate(answered.results):
        rows = [queries.gallery.position[id_] for id_ in queries.results[number].ids]
        side_by_side = centred(queries.vectors[number].tolist()) + middle([images[row] for row in rows[:n]])
        for hit in result:
            row = queries.gallery.position[hit.id]
            distance = sum((a - b) ** 2 for a, b in zip(side_by_side, images[row] + around[row], strict=True))
            assert hit.score == pytest.approx(1 - distance / 4, abs=1e-5)


def test_the_average_by_hand(asked):
    # q = (1, 0) and its first hit b = (0.6, 0.8) average to the direction (2, 1), whose cosine to b is 2 / √5.
    queries = asked([[0.0, -1.0], [0.6, 0.8], [0.55, -0.8352]], [[1.0, 0.0]])
    assert queries.results[0].ids == ("b", "c", "a")
    answered = build_reranker("aqe:n=1")(queries)
    np.testing.assert_allclose(answered.vectors[0], [2 / math.sqrt(5), 1 / math.sqrt(5)], atol=1e-6)
    np.testing.assert_allclose(answered.results[0].scores[0], 2 / math.sqrt(5), atol=1e-6)
    assert answered.results[0].ids == ("b", "c", "a")


def test_expansion_finds_what_the_neighbours_are_near_to(asked):
    # c is nearer to the query than d, but d lies on the side of the query's neighbours a and b.
    angles = {"a": 20, "b": 35, "c": -58, "d": 60}
    rows = [[math.cos(math.radians(angle)), math.sin(math.radians(angle))] for angle in angles.values()]
    queries = asked(rows, [[1.0, 0.0]])
    assert queries.results[0].ids == ("a", "b", "c", "d")
    assert build_reranker("aqe:n=2")(queries).results[0].ids[2:] == ("d", "c")


def test_the_query_stays_in_its_own_expansion(asked):
    # A single hit at a right angle weighs nothing: the query is where it was.
    queries = asked([[0.0, 1.0]], [[1.0, 0.0]])
    np.testing.assert_allclose(build_reranker("alpha_qe")(queries).vectors, [[1.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(build_reranker("aqe")(queries).vectors, [[ROOT, ROOT]], atol=1e-6)


def test_a_chain_sees_what_the_step_before_made(drawn):
    queries = drawn(1)
    step = build_reranker("alpha_qe:n=4")
    by_hand = build_reranker("aqe:n=3")(step(queries))
    chained = build_reranker("alpha_qe:n=4+aqe:n=3")(queries)
    np.testing.assert_array_equal(chained.vectors, by_hand.vectors)
    assert [result.ids for result in chained.results] == [result.ids for result in by_hand.results]
    assert build_reranker("qge:n=4,power=2,start=3").describe().startswith("qge:")


def test_qge_is_expansion_then_diffusion(drawn):
    queries = drawn(2)
    together = build_reranker("qge:n=4,power=2,start=3,neighbours=8,truncation=30")(queries)
    chained = build_reranker("rank_qe:n=4,power=2+diffusion:start=3,neighbours=8,truncation=30")(queries)
    np.testing.assert_array_equal(together.vectors, chained.vectors)
    for left, right in zip(together.results, chained.results, strict=True):
        assert left.ids == right.ids
        np.testing.assert_array_equal(left.scores, right.scores)


def test_expansion_follows_the_order_it_is_given(asked):
    queries = asked([[0.8, 0.6], [0.8, -0.6]], [[1.0, 0.05]])
    turned = queries.replace(results=(SearchResult("q0", ("b", "a"), np.array([9.0, 1.0])),))
    assert queries.results[0].ids == ("a", "b")
    assert build_reranker("aqe:n=1")(queries).vectors[0][1] > 0
    assert build_reranker("aqe:n=1")(turned).vectors[0][1] < 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aqe:n=0", "n must be at least 1"),
        ("alpha_qe:n=0", "n must be at least 1"),
        ("alpha_qe:alpha=-1", "alpha must be at least 0"),
        ("alpha_qe:alpha=nan", "alpha must be at least 0"),
        ("rank_qe:power=-1", "power must be at least 0"),
        ("dba:n=0", "n must be at least 1"),
        ("dba:last=0", "last must be at least"),
        ("aqe_concat:n=0", "n must be at least 1"),
        ("qge:n=0", "n must be at least 1"),
        ("qge:alpha=1", "alpha is a probability"),
    ],
)
def test_refuses_options_out_of_range(text, message):
    with pytest.raises(InvalidInputError, match=message):
        build_reranker(text)
