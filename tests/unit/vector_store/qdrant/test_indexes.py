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


def test_a_name_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="there are flat, ivf"):
        collection_options(space("hsnw"))
