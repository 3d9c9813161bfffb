"""Metadata as words, and filters as the words to look for, exactly as ``filters.matches`` defines them.

Every image has a list of words that an index of Vearch covers: ``item="milk"`` for a field and its value,
``year~40:2f9`` for the ranges a number lies in (see ``ordering``), ``*`` for being there at all. A condition is met by
an image that has one of some words, which is the ``IN`` of Vearch; so filters need no schema and no second look.
All words are ASCII: what stands outside, quotes and the signs that divide a word are written as JSON escapes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from hashlib import sha256

from util.records import Metadata, Scalar
from util.vector_store.filters import Range, Where, options
from util.vector_store.vearch.ordering import Prefix, cover, prefixes

EVERYTHING = "*"
"""The word that every image has."""

# Vearch indexes text of up to 1024 bytes.
_LONGEST = 1024


def terms_of(metadata: Metadata) -> list[str]:
    """The words of an image, without repeats.

    >>> terms_of({"item": "milk", "tags": ["a=b", "dented"], "note": None, "checked": True})
    ['*', 'item="milk"', 'tags="a=b"', 'tags="dented"', 'checked=true']
    """
    words = [EVERYTHING]
    for name, value in metadata.items():
        if value is None:
            continue
        for member in value if isinstance(value, list) else [value]:
            words.append(_equal(name, member))
            if isinstance(member, int | float) and not isinstance(member, bool):
                words += [_within(name, prefix) for prefix in prefixes(member)]
    return list(dict.fromkeys(words))


def conditions(where: Where | None) -> list[list[str]]:
    """For each condition of a filter the words of which an image must have one; no words: nothing can match.

    Raises:
        InvalidInputError: if a condition compares with what metadata cannot hold.

    >>> conditions({"item": ["milk", "cream"], "size": 7.0})
    [['item="milk"', 'item="cream"'], ['size=7']]
    """
    return [
        [_within(name, prefix) for prefix in cover(condition)]
        if isinstance(condition, Range)
        else _any_of(name, options(condition))
        for name, condition in (where or {}).items()
    ]


def _any_of(name: str, allowed: Collection[Scalar]) -> list[str]:
    return list(dict.fromkeys(_equal(name, option) for option in allowed if _storable_number(option)))


def _storable_number(option: Scalar) -> bool:
    """Whether metadata may hold it: not infinity, nor what is larger than any float."""
    try:
        return isinstance(option, str) or math.isfinite(option)
    except OverflowError:
        return False


def _equal(name: str, value: Scalar) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 7.0 equals 7
    return _shortened(f"{_escaped(name)}={json.dumps(value)}")


def _within(name: str, prefix: Prefix) -> str:
    shift, block = prefix
    return _shortened(f"{_escaped(name)}~{shift}:{block:x}")


def _escaped(name: str) -> str:
    return json.dumps(name)[1:-1].replace("=", "\\u003d").replace("~", "\\u007e")


def _shortened(word: str) -> str:
    # No other word lacks both = and ~, so what is shortened meets nothing else.
    return word if len(word) <= _LONGEST else f"#{sha256(word.encode()).hexdigest()}"
