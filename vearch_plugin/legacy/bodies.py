"""Reading the JSON that programs send, and nothing that is not JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from util.errors import InvalidInputError


def read_object(text: bytes | str, what: str) -> dict[str, Any]:
    """The object that a text holds.

    Args:
        text: JSON, UTF-8.
        what: what to call it in errors, such as "the document".

    Raises:
        InvalidInputError: if it is no JSON, or no object.

    >>> read_object(b'{"name": "test"}', "the request")
    {'name': 'test'}
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        _check_unicode(text, value)
    except (ValueError, RecursionError) as error:
        # The parser's message may quote the input, which can be long and need not be printable.
        reason = "is nested too deeply" if isinstance(error, RecursionError) else "is not valid JSON"
        raise InvalidInputError(f"{what} {reason}: send one JSON object") from error
    return as_object(value, what)


def as_object(value: object, what: str) -> dict[str, Any]:
    """The value, if it is a JSON object.

    Raises:
        InvalidInputError: if it is another kind of value.
    """
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{what} must be a JSON object, not {kind_of(value)}")
    return dict(value)


def as_list(value: object, what: str) -> list[Any]:
    """The value, if it is a JSON array; ``None`` counts as an empty one.

    Raises:
        InvalidInputError: if it is another kind of value.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidInputError(f"{what} must be a JSON array, not {kind_of(value)}")
    return value


def flag(value: object, what: str, *, default: bool = False) -> bool:
    """A yes or no, which programs of 2021 also wrote as text.

    >>> flag("true", "index"), flag(None, "index"), flag(False, "index")
    (True, False, False)

    Raises:
        InvalidInputError: if it is neither.
    """
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InvalidInputError(f"{what} must be true or false, not {kind_of(value)}")


def kind_of(value: object) -> str:
    """What JSON calls a value, for messages that must not quote it.

    >>> kind_of([1]), kind_of(None), kind_of(True)
    ('an array', 'null', 'a boolean')
    """
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "an array", dict: "an object"}
    return names.get(type(value), "another kind of value")


def _check_unicode(text: bytes | str, value: object) -> None:
    """Refuses halves of surrogate pairs, which JSON can write and no store can keep.

    Raises:
        ValueError: if there is one.
    """
    escape = b"\\ud" if isinstance(text, bytes) else "\\ud"
    if escape in text.lower():  # type: ignore[operator]  # seldom: the check costs as much as the parsing
        json.dumps(value, ensure_ascii=False).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
