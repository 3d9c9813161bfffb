"""Attributes of spaces from their JSON, which stores read anew for every search."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

_LARGE = 16_384
_REMEMBERED = 16_000_000  # characters, of all texts together


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
        lengths = accumulate((len(known) for known, _ in self._parsed), initial=len(text))
        next(lengths)
        kept = (one for one, length in zip(self._parsed, lengths, strict=True) if length <= _REMEMBERED)
        self._parsed = ((text, value), *kept)
        return value
