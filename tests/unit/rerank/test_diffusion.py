"""Diffusion against dense matrices, scipy's own conjugate gradients and the exact inverse."""

import numpy as np
import pytest
from scipy.sparse.linalg import cg

from util.errors import InvalidInputError
from util.rerank import build_reranker
from util.rerank._neighbours import nearest_neighbours
from util.rerank._walks import mutual_graph, solve_walks


def naive_graph(vectors, neighbours, gamma):
    """S = D^-1/2 A D^-1/2 by loops, dense."""
    n = len(vectors)
    cosines = vectors.astype(float) @ vectors.T.astype(float)
    near = [
        set(sorted((j for j in range(n) if j != i), key=lambda j, i=i: (-cosines[i, j], j))[:neighbours])
        for i in range(n)
    ]
    affinity = np.zeros((n, n))
    for i in range(n):
        for j in near[i]:
            if i in near[j] and cosines[i, j] > 0:
                affinity[i, j] = cosines[i, j] ** gamma
    degree = affinity.sum(axis=1)
    scale = np.array([1 / np.sqrt(d) if d > 0 else 0.0 for d in degree])
    return affinity * scale[:, None] * scale[None, :]


def naive_walks(vectors, *, neighbours, truncation, alpha, gamma):
    """Each row solved by scipy on its truncated part, dense (N, N)."""
    n = len(vectors)
    graph = naive_graph(vectors, neighbours, gamma)
    cosines = vectors.astype(float) @ vectors.T.astype(float)
    walks = np.zeros((n, n))
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j, i=i: (-cosines[i, j], j))
        part = [i, *others[: truncation - 1]]
        system = np.eye(len(part)) - alpha * graph[np.ix_(part, part)]
        first = np.zeros(len(part))
        first[0] = 1.0
        walks[i, part], _ = cg(system, first, rtol=1e-6, atol=0.0, maxiter=20)
    return np.maximum(walks, 0)


def dense(made, n):
    walks = np.zeros((n, n))
    for row in range(n):
        part = made.take(np.array([row]))
        walks[row, part.indices] = part.data
    return walks


OPTIONS = [
    {"neighbours": 10, "truncation": 20, "alpha": 0.99, "gamma": 3.0},
    {"neighbours": 5, "truncation": 60, "alpha": 0.9, "gamma": 1.0},
    {"neighbours": 70, "truncation": 500, "alpha": 0.5, "gamma": 3.0},
    {"neighbours": 3, "truncation": 1, "alpha": 0.99, "gamma": 3.0},
    {"neighbours": 3, "truncation": 8, "alpha": 0.0, "gamma": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_walks_equal_those_that_scipy_solves(drawn, seed, options):
    vectors = drawn(seed).gallery.vectors
    np.testing.assert_allclose(
        dense(solve_walks(*nearest_neighbours(vectors, 600), **options), len(vectors)),
        naive_walks(vectors, **options),
        atol=2e-4,
        rtol=2e-3,
    )


def test_untruncated_walks_are_the_inverse(drawn):
    vectors = drawn(4).gallery.vectors
    made = solve_walks(*nearest_neighbours(vectors, 600), neighbours=8, truncation=1000, alpha=0.6, gamma=3.0)
    inverse = np.linalg.inv(np.eye(len(vectors)) - 0.6 * naive_graph(vectors, 8, 3.0))
    np.testing.assert_allclose(dense(made, len(vectors)), inverse, atol=2e-5)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_mixture_of_walks(drawn, seed):
    queries = drawn(seed)
    options = {"neighbours": 6, "truncation": 15, "alpha": 0.99, "gamma": 3.0}
    written = ",".join(f"{key}={value}" for key, value in options.items())
    answered = build_reranker(f"diffusion:{written},start=4")(queries)
    walks = naive_walks(queries.gallery.vectors, **options)
    for number, result in enumerate(answered.results):
        hits = [queries.gallery.position[id_] for id_ in queries.results[number].ids]
        cosines = queries.gallery.vectors @ queries.vectors[number]
        visits = sum(max(cosines[hit], 0) ** 3 * walks[hit] for hit in hits[:4])
        expected = {}
        for hit in hits:
            reached = visits[hit] > 0
            score = visits[hit] / visits[hits].max() if reached else (cosines[hit] - 1) / 2
            expected[queries.gallery.ids[hit]] = score
        np.testing.assert_allclose(result.scores, [expected[id_] for id_ in result.ids], atol=1e-3)


def test_the_graph_joins_mutual_neighbours_only():
    # 0 and 1 have each other as neighbours; 2 has 1, but 1 does not have 2.
    rows = np.array([[1], [0], [1]], np.int32)
    graph = mutual_graph(rows, np.array([[0.9], [0.9], [0.5]], np.float32), 3.0).toarray()
    np.testing.assert_allclose(graph, [[0, 1, 0], [1, 0, 0], [0, 0, 0]], atol=1e-6)


def test_follows_the_chain_where_the_cosine_does_not(asked):
    # A chain a–b–c by steps of 40°, and d at −75° from a: by cosine d (0.26) is nearer to a than c (0.17).
    angles = [0.0, 40.0, 80.0, -75.0]
    rows = [[np.cos(np.radians(angle)), np.sin(np.radians(angle))] for angle in angles]
    queries = asked(rows, [rows[0]])
    assert queries.results[0].ids == ("a", "b", "d", "c")
    answered = build_reranker("diffusion:neighbours=2,start=1")(queries)
    assert answered.results[0].ids[:3] == ("a", "b", "c") or answered.results[0].ids[:3] == ("b", "a", "c")
    assert answered.results[0].scores[0] == 1.0


def test_unreached_hits_follow_by_cosine(asked):
    # Two islands, a–b and c–d: no walk from the first hit reaches the other one.
    queries = asked([[1.0, 0.0, 0.1], [1.0, 0.0, -0.1], [0.2, 1.0, 0.1], [0.1, 1.0, 0.0]], [[1.0, 0.05, 0.1]])
    answered = build_reranker("diffusion:neighbours=1,start=1")(queries)
    assert answered.results[0].ids == ("a", "b", "c", "d")
    assert np.all(answered.results[0].scores[2:] <= 0)
    np.testing.assert_allclose(answered.results[0].scores[2], (queries.results[0].scores[2] - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("neighbours", [3, 20])
def test_an_alpha_that_rounding_makes_singular_walks_as_one_a_little_smaller(drawn, neighbours):
    rows, cosines = nearest_neighbours(drawn(1).gallery.vectors, 59)
    steady, extreme = (
        dense(solve_walks(rows, cosines, neighbours=neighbours, truncation=60, alpha=alpha, gamma=3.0), 60)
        for alpha in (0.99999, 1 - 1e-12)
    )
    relative = [walks / walks.max(axis=1, keepdims=True) for walks in (steady, extreme)]
    np.testing.assert_allclose(*relative, atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [("neighbours=0", "neighbours"), ("start=0", "start"), ("truncation=0", "truncation"), ("alpha=1", "alpha"),
     ("alpha=-0.1", "alpha"), ("gamma=-1", "gamma"), ("gamma=nan", "gamma")],
)  # fmt: skip
def test_refuses_options_out_of_range(options, message):
    with pytest.raises(InvalidInputError, match=message):
        build_reranker(f"diffusion:{options}")
