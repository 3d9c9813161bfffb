"""How hard to search, as text."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from util.errors import InvalidInputError
from util.vector_store.embedded.indexes.search_parameters import SearchParameters, read_search_parameters


@pytest.mark.parametrize(
    ("text", "proposals", "of_library"),
    [
        ("", None, {}),
        ("nprobe=32", None, {"nprobe": "32"}),
        ("probes=32", None, {"nprobe": "32"}),
        (" ef = 64 , proposals = 200 ", 200, {"efSearch": "64"}),
        ("search=5,", None, {"search_k": "5"}),
    ],
)
def test_spellings(text, proposals, of_library):
    read = read_search_parameters(text)
    assert (read.proposals, dict(read.of_library)) == (proposals, of_library)


@given(st.integers(1, 10**9 - 1))
def test_any_number_of_proposals(count):
    assert read_search_parameters(f"proposals={count}") == SearchParameters(count, {})


@pytest.mark.parametrize(
    "text", ["nprobe", "=3", "nprobe=1,probes=2", "proposals=0", "proposals=-1", "proposals=1.5", "proposals=²"]
)
def test_what_cannot_be_read(text):
    with pytest.raises(InvalidInputError, match="search parameters"):
        read_search_parameters(text)
