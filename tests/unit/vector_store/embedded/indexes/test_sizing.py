"""What names mean for a number of rows and a dimension."""

import re

import faiss
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from util.errors import InvalidInputError
from util.vector_store.embedded.indexes.sizing import LEAST_ROWS_A_CENTROID, faiss_plan, lists, search_queue, trees
from util.vector_store.index_names import read_index_name

FAISS_NAMES = ("ivf", "ivfpq", "pq", "hnsw", "hnswpq", "lsh", "auto")


def factory(text, rows, dimension):
    return faiss_plan(read_index_name(text), rows, dimension).factory


@pytest.mark.parametrize(
    ("text", "rows", "dimension", "expected"),
    [
        ("ivf", 1_000_000, 256, "IVF4096,Flat"),
        ("ivf", 100_000, 256, "IVF1024,Flat"),
        ("ivf", 1000, 256, "IVF16,Flat"),
        ("ivf:lists=100,probes=3", 10, 256, "IVF100,Flat"),
        ("ivfpq", 100_000, 512, "IVF1024,PQ128x4fs"),
        ("ivfpq:bytes=32,bits=8", 100_000, 512, "IVF1024,PQ32"),
        ("ivfpq:bytes=32", 100_000, 512, "IVF1024,PQ64x4fs"),
        ("pq", 10, 256, "PQ64x4fs"),
        ("pq:bits=8", 10, 256, "PQ32"),
        ("pq:bits=8", 10, 100, "Pad104,PQ13"),
        ("pq:pca=64,whiten", 10, 256, "PCAW64,PQ16x4fs"),
        ("pq:pca=64", 10, 256, "PCAR64,PQ16x4fs"),
        ("hnsw", 1000, 256, "HNSW16"),
        ("hnsw", 1_000_000, 256, "HNSW24"),
        ("hnsw:m=48,ef=9,whiten", 10, 256, "PCAW256,HNSW48"),
        ("hnswpq:bytes=16", 10, 256, "HNSW16,PQ16"),
        ("lsh", 10, 256, "LSH512r"),
        ("lsh:bits=64,pca=32", 10, 256, "PCA32,LSH64r"),
        ("auto", 1_000_000, 256, "HNSW24"),
    ],
)
def test_names_as_factory_strings(text, rows, dimension, expected):
    assert factory(text, rows, dimension) == expected


def test_a_graph_is_built_with_a_queue_at_least_as_long_as_its_links():
    assert faiss_plan(read_index_name("hnsw"), 1000, 8).construction == 64
    assert faiss_plan(read_index_name("hnsw:m=100"), 1000, 8).construction == 100
    assert faiss_plan(read_index_name("hnsw:construction=7"), 1000, 8).construction == 7
    assert faiss_plan(read_index_name("ivf"), 1000, 8).construction is None


def test_large_graphs_are_searched_with_a_longer_queue():
    assert (search_queue(1000), search_queue(199_999), search_queue(200_000)) == (128, 128, 320)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FAISS_NAMES), st.integers(1, 10_000_000), st.integers(1, 300))
def test_faiss_makes_every_name_for_every_size(name, rows, dimension):
    text = factory(name, rows, dimension)
    index = faiss.index_factory(dimension, text, faiss.METRIC_L2)
    assert index.d == dimension


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["pq", "ivfpq", "hnswpq"]), st.integers(1, 32), st.integers(64, 300))
def test_codes_take_the_bytes_asked_for(name, size, dimension):
    parts, bits = re.search(r"PQ(\d+)(?:x(\d))?", factory(f"{name}:bytes={size}", 1000, dimension)).groups("8")
    assert int(parts) * int(bits) == 8 * size


@given(st.integers(1000, 10**8))
def test_lists_are_a_power_of_two_with_enough_to_learn_each_from(rows):
    count = lists(read_index_name("ivf"), rows)
    assert count & (count - 1) == 0
    assert 16 <= count <= 65_536
    assert count * LEAST_ROWS_A_CENTROID <= rows or count == 16


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_larger_spaces_never_have_fewer_lists_or_trees(one, other):
    few, many = sorted((one, other))
    for count, name in ((lists, "ivf"), (trees, "annoy")):
        assert count(read_index_name(name), few) <= count(read_index_name(name), many)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ivf:pca=65", "pca=65 is more than the 64 numbers of a vector"),
        ("pq:bytes=33", "66 codes of 4 bits, more than the 64 numbers of a vector: take at most 32"),
        ("hnswpq:bytes=65", "take at most 64"),
        ("pq:bytes=20,pca=32", "more than the 32 numbers"),
    ],
)
def test_options_that_do_not_go_with_the_dimension(text, part):
    with pytest.raises(InvalidInputError, match=part):
        faiss_plan(read_index_name(text), 1000, 64)
