"""Values of all kinds come back as they were given."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from vearch_plugin.legacy.values import Property

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("kind", "values"), [("text", TEXT), ("integer", INTEGERS), ("number", NUMBERS), ("boolean", st.booleans())]
)
def test_a_value_comes_back(kind, values):
    field = Property("field", kind)

    @given(values)
    def comes_back(value):
        assert field.load(field.store(value)) == value

    comes_back()


@pytest.mark.parametrize(("kind", "members"), [("text", TEXT), ("integer", INTEGERS), ("number", NUMBERS)])
def test_an_array_comes_back_and_is_kept_as_text(kind, members):
    field = Property("field", kind, array=True)

    @given(st.lists(members))
    def comes_back(values):
        kept = field.store(values)
        assert all(isinstance(member, str) for member in kept)
        assert field.load(kept) == values

    comes_back()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_comes_back_to_the_millisecond(moment):
    field = Property("day", "date")
    loaded = datetime.fromisoformat(field.load(field.store(moment.isoformat())))
    assert loaded == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_a_date_may_be_milliseconds_or_a_day():
    field = Property("day", "date")
    assert field.store("1970-01-02") == field.store(86_400_000) == 86_400_000


def test_one_value_for_an_array_is_an_array_of_one():
    """The bottle programs gave a class name for ``tags`` and read ``tags[0]`` back."""
    assert Property("tags", "text", array=True).store("ketchup") == ["ketchup"]


def test_a_number_for_a_keyword_becomes_its_text():
    assert Property("sid", "text").store(17) == "17"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", True),
        ("text", {"a": 1}),
        ("text", [1]),
        ("integer", 1.5),
        ("integer", "seven"),
        ("integer", 2**63),
        ("integer", "9" * 30),
        ("integer", True),
        ("number", math.inf),
        ("number", "nan"),
        ("number", 10**400),
        ("boolean", 1),
        ("date", "yesterday"),
        ("date", 10**15),
        ("date", []),
    ],
)
def test_what_a_field_cannot_hold_is_refused(kind, value):
    with pytest.raises(InvalidInputError, match="field 'f' holds"):
        Property("f", kind).store(value)
