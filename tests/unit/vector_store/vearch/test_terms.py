"""Words of images and of filters, against the definition of a filter."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from util.errors import InvalidInputError
from util.vector_store.filters import Range, matches
from util.vector_store.vearch.terms import EVERYTHING, conditions, terms_of

NAMES = st.sampled_from(["a", "a=b", "a~16:1", "*", "#", '"', "\\u003d", "é", "", "x" * 2000, "x" * 2001])
TEXTS = st.sampled_from(["", "7", "true", "b=1", "*", "ü", '"', "x" * 2000, "x" * 2001]) | st.text(max_size=4)
NUMBERS = st.sampled_from([0, 1, -1, 7, 7.0, 0.5, 1e300, 2**60, 2**62 + 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
SCALARS = TEXTS | NUMBERS | st.booleans()
METADATA = st.dictionaries(NAMES, SCALARS | st.none() | st.lists(TEXTS, max_size=3), max_size=4)
RANGES = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS, min_size=1).map(lambda b: Range(**b))
ASKED = SCALARS | st.sampled_from([float("inf"), float("nan"), 10**400, 2**64, "\udc80"])
WHERE = st.dictionaries(NAMES, ASKED | st.lists(ASKED, max_size=3) | RANGES, max_size=3)


@given(metadata=METADATA, where=WHERE)
@example(metadata={"a": True}, where={"a": 1})
@example(metadata={"a=b": "1"}, where={"a": 'b="1"'})
@example(metadata={"a": ["7"]}, where={"a": 7})
@example(metadata={"a": 7.0}, where={"a": [7]})
def test_words_meet_where_metadata_match(metadata, where):
    words = set(terms_of(metadata))
    assert all(words & set(asked) for asked in conditions(where)) == matches(metadata, where)


@given(metadata=METADATA)
def test_words_are_short_ascii_and_distinct(metadata):
    words = terms_of(metadata)
    assert words[0] == EVERYTHING
    assert len(set(words)) == len(words)
    assert all(word.isascii() and word.isprintable() and len(word) <= 1024 for word in words)


def test_no_filter_has_no_conditions():
    assert conditions(None) == conditions({}) == []


def test_a_condition_without_options_has_no_words():
    assert conditions({"a": []}) == [[]]


@pytest.mark.parametrize("condition", [None, {"b": 1}, [None], b"x"])
def test_what_metadata_cannot_hold_is_refused(condition):
    with pytest.raises(InvalidInputError, match="a filter compares with"):
        conditions({"a": condition})
