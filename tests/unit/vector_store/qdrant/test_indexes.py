"""Which graph Qdrant is told to make for the index of a space."""

import pytest

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.vector_store.qdrant.spaces import collection_options, search_params


def space(index: str, **attributes: object) -> SpaceInfo:
    return SpaceInfo("s", "e", 8, "f", index=index, attributes=attributes)


@pytest.mark.parametrize(
    ("index", "links"),
    [
        ("Flat", 0),
        ("flat", 0),
        ("HNSW48", 48),
        ("HNSW32,PQ16", 32),
        ("hnsw:m=48,ef=9", 48),
        ("hnsw", None),
        ("auto", None),
        ("ivf:lists=16", None),
        ("IVF16,Flat", None),
    ],
)
def test_links_of_the_graph(index, links):
    assert collection_options(space(index))["hnsw_config"].m == links
    assert search_params(space(index)).exact is (links == 0)


@pytest.mark.parametrize(
    ("index", "attributes", "queue"),
    [
        ("hnsw", {}, None),
        ("HNSW32", {}, None),
        ("hnsw:m=48,ef=99", {}, 99),
        ("hnsw:ef=99", {"search_parameters": "efSearch=128"}, 128),
        ("hnsw", {"search_parameters": "proposals=9, ef=256"}, 256),
        ("ivf:lists=16", {"search_parameters": "nprobe=7"}, None),
    ],
)
def test_length_of_the_queue_of_a_search(index, attributes, queue):
    assert search_params(space(index, **attributes)).hnsw_ef == queue


def test_length_of_the_queue_while_a_graph_is_built():
    assert collection_options(space("hnsw:construction=200"))["hnsw_config"].ef_construct == 200
    assert collection_options(space("HNSW32"))["hnsw_config"].ef_construct is None


def test_a_name_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="there are flat, ivf"):
        collection_options(space("hsnw"))
