"""Names of spaces in Vearch."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from util.errors import InvalidInputError
from util.vector_store.vearch.naming import CATALOGUE, vearch_name

NAMES = st.text(st.sampled_from("aZ09_-. :é日") | st.characters(codec="utf-8"), min_size=1, max_size=12)


def original(name: str) -> str:
    """The name that was written down, read back by its documented form."""
    return re.sub(
        rb"_(..)", lambda code: bytes.fromhex(code[1].decode()), name.removeprefix("space_").encode()
    ).decode()


@given(name=NAMES)
def test_vearch_takes_every_name_and_none_is_lost(name):
    assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", vearch_name(name))
    assert original(vearch_name(name)) == name
    assert vearch_name(name) != CATALOGUE


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(InvalidInputError, match="Unicode"):
        vearch_name("\udc80")
