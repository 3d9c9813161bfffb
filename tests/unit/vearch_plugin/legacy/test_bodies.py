"""Only JSON is read, and its errors never quote what was sent."""

import pytest

from util.errors import InvalidInputError
from vearch_plugin.legacy.bodies import as_list, flag, read_object


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1]", "not an array"),
        (b"null", "not null"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": -Infinity}', "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"\\uDFFF": 1}', "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(text, part):
    with pytest.raises(InvalidInputError, match=part) as caught:
        read_object(text, "the document")
    assert str(caught.value).isprintable()


def test_text_beyond_the_basic_plane_is_read():
    assert read_object(b'{"a": "\\ud83c\\udf7e"}', "the document") == {"a": "🍾"}


def test_flags_of_2021_may_be_text():
    assert [flag(value, "index") for value in (True, "True", "false", None)] == [True, True, False, False]
    with pytest.raises(InvalidInputError, match="true or false"):
        flag(1, "index")


def test_null_is_an_empty_list():
    assert as_list(None, "the filter") == []
    with pytest.raises(InvalidInputError, match="array, not an object"):
        as_list({}, "the filter")
