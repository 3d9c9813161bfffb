"""Search indexes by name, with options: ``hnsw``, ``ivf:lists=1024,probes=32``, ``ivfpq:pca=64,whiten``.

A name says which kind of index a space is to have; how it is laid out follows from the size of the space where an
option does not say. Names begin with a small letter, factory strings of FAISS (``HNSW32``) with a capital one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from util.errors import InvalidInputError
from util.preprocess.grammar import Choice, Flag, Kind, Number, Value

EXACT = "Flat"
"""The factory string of exact search; its name is ``flat``."""

SEARCH_PARAMETERS = "search_parameters"
"""Attribute of a space that says how hard its index searches, such as ``nprobe=32``."""

_Options: TypeAlias = Mapping[str, Kind]


def _whole(low: int, high: int) -> Number:
    return Number(None, low, high, whole=True)


_LISTS: _Options = {"lists": _whole(1, 1 << 20), "probes": _whole(1, 1 << 20)}
_GRAPH: _Options = {"m": _whole(2, 128), "ef": _whole(1, 1 << 16), "construction": _whole(1, 1 << 16)}
_BYTES: _Options = {"bytes": _whole(1, 1 << 12)}
_CODES: _Options = {**_BYTES, "bits": Choice(("4", "8"))}
_PROPOSALS: _Options = {"proposals": _whole(1, 1 << 20)}
_FAISS: _Options = {"pca": _whole(1, 1 << 16), "whiten": Flag(False), **_PROPOSALS}

OPTIONS: Mapping[str, _Options] = {
    "flat": {},
    "ivf": {**_LISTS, **_FAISS},
    "ivfpq": {**_LISTS, **_CODES, **_FAISS},
    "pq": {**_CODES, **_FAISS},
    "hnsw": {**_GRAPH, **_FAISS},
    "hnswpq": {**_GRAPH, **_BYTES, **_FAISS},
    "lsh": {"bits": _whole(8, 1 << 14), **_FAISS},
    "annoy": {"trees": _whole(1, 10_000), "search": _whole(1, 1 << 30), **_PROPOSALS},
    "auto": _PROPOSALS,
}
"""The names there are, and the options that each takes."""


@dataclass(frozen=True, slots=True)
class IndexName:
    """A kind of index and what was said of it.

    Attributes:
        kind: one of ``OPTIONS``.
        options: what was written; the rest is left to be chosen.
    """

    kind: str
    options: Mapping[str, Value]

    def number(self, option: str) -> int | None:
        """The whole number an option was given; ``None`` where the choice is free."""
        given = self.options.get(option)
        return None if given is None else int(given)


def is_name(index: str) -> bool:
    """Whether an index is given by name, not by factory string.

    >>> is_name("hnsw:m=16"), is_name("HNSW16")
    (True, False)
    """
    return index.lstrip()[:1].islower()


def is_exact(index: str) -> bool:
    """Whether this is exact search, by name (however it is spaced) or by factory string.

    >>> is_exact("Flat"), is_exact("flat"), is_exact("flat:"), is_exact("flat:m=3")
    (True, True, True, False)
    """
    return index == EXACT or re.fullmatch(r"\s*flat[\s:,]*", index) is not None


def read_index_name(text: str) -> IndexName:
    """The name and the options of an index.

    Args:
        text: ``NAME`` or ``NAME:option=value,option=value``; ``whiten`` may stand alone for ``whiten=true``.

    Raises:
        InvalidInputError: if there is no such name, option or value, with what there is.

    >>> read_index_name("ivfpq:lists=256,whiten")
    IndexName(kind='ivfpq', options={'lists': 256.0, 'whiten': True})
    """
    kind, *written = (part.strip() for part in re.split("[:,]", text))
    if kind not in OPTIONS:
        raise InvalidInputError(
            f"there is no search index {kind!r}: there are {', '.join(OPTIONS)}, with options as in "
            "'ivf:lists=1024,probes=32', and factory strings of FAISS such as HNSW32 or 'IVF256,Flat'"
        )
    options: dict[str, Value] = {}
    for option in filter(None, written):
        key, equals, value = (part.strip() for part in option.partition("="))
        if key in options:
            raise InvalidInputError(f"the search index {text!r} gives {key!r} twice: give it once")
        options[key] = _value(kind, key, value, alone=not equals)
    return IndexName(kind, options)


def _value(kind: str, key: str, text: str, *, alone: bool) -> Value:
    known = OPTIONS[kind]
    if key not in known:
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise InvalidInputError(f"the search index {kind!r} takes no option {key!r}: {takes}")
    if alone and isinstance(known[key], Flag):
        return True
    try:
        return known[key].read(text)
    except ValueError as error:
        raise InvalidInputError(f"the search index {kind!r}: {key}={text} does not fit, write {error}") from None
