"""Indexes of FAISS on vectors that are not as one expects them."""

import numpy as np
import pytest

from util.records import unit_rows
from util.vector_store.embedded.indexes import index_kind, read_search_parameters
from util.vector_store.embedded.rows import VectorRows


def rows_of(vectors: np.ndarray) -> VectorRows:
    return VectorRows(1, np.arange(1, len(vectors) + 1), (vectors,), np.empty(0, dtype=np.intp))


@pytest.mark.parametrize("index", ["hnsw:whiten", "ivf:pca=24,whiten", "pq:whiten", "ivf:pca=32", "lsh:whiten"])
def test_directions_in_which_nothing_varies_do_no_harm(index):
    rng = np.random.default_rng(0)
    flat = unit_rows(rng.standard_normal((1500, 4)) @ rng.standard_normal((4, 32)))
    kind = index_kind(index, 32)
    built = kind.build(rows_of(flat))
    built.tune(read_search_parameters(""))
    found = built.propose(flat[:20], kind.proposals)
    assert all(number in keys for number, keys in enumerate(found, start=1)), "each finds itself"


def test_a_projection_waits_for_as_many_rows_as_there_are_numbers():
    assert index_kind("hnsw:pca=64", 3000).least_rows == 3000
    assert index_kind("hnsw:pca=64", 300).least_rows == 1000
    assert index_kind("PCA64,HNSW16", 3000).least_rows == 3000
    assert index_kind("hnsw", 3000).least_rows == 1000


@pytest.mark.parametrize("index", ["ivf", "hnsw", "pq", "lsh", "ivfpq:pca=16"])
def test_the_same_rows_make_the_same_index(index):
    import faiss

    vectors = unit_rows(np.random.default_rng(1).standard_normal((1500, 32)))
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    one, other = (faiss.serialize_index(index_kind(index, 32).build(rows_of(vectors)).index) for _ in range(2))
    faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(one, other)
