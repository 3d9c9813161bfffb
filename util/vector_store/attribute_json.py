"""Attributes of spaces from their JSON, which stores read anew for every search."""

from __future__ import annotations

import json
from typing import Any

_LARGE = 16_384
_REMEMBERED = 4


class AttributeReader:
    """Parses JSON, but a large text that it has just parsed only compares.

    A space that keeps a projection has attributes of some hundred kilobytes. To parse them takes longer than to search;
    to see that they are still the same takes a tenth of a millisecond a megabyte.

    >>> read = AttributeReader()
    >>> large = '{"numbers": "' + "7" * 20_000 + '"}'
    >>> read(large) is read(large[:1] + large[1:]), read('{"note": "früh"}')
    (True, {'note': 'früh'})
    """

    def __init__(self) -> None:
        self._parsed: tuple[tuple[str, Any], ...] = ()

    def __call__(self, text: str) -> Any:
        """The value; not to be changed, since others may be given the same one."""
        if len(text) < _LARGE:
            return json.loads(text)
        for known, value in self._parsed:  # a tuple that is replaced, never changed: threads need no lock
            if known == text:
                return value
        value = json.loads(text)
        self._parsed = ((text, value), *self._parsed[: _REMEMBERED - 1])
        return value
