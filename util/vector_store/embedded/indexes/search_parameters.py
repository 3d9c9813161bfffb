"""How hard an index searches, as text: ``nprobe=32``, ``efSearch=128,proposals=400``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from util.errors import InvalidInputError

# The options of names say the same in fewer letters.
_OTHER_WORDS = {"probes": "nprobe", "ef": "efSearch", "search": "search_k"}


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """What was said of a search; the rest is chosen.

    Attributes:
        proposals: how many rows the index is to propose; ``None`` where nothing was said.
        of_library: parameters in the words of the library, such as ``nprobe``.
    """

    proposals: int | None
    of_library: Mapping[str, str]


@lru_cache(maxsize=256)
def read_search_parameters(text: str) -> SearchParameters:
    """Search parameters from text.

    Args:
        text: ``name=value`` joined by commas, in FAISS's words or in those of the names' options.

    Raises:
        InvalidInputError: if the text is of no such form.

    >>> read_search_parameters("probes=32, proposals=400")
    SearchParameters(proposals=400, of_library=mappingproxy({'nprobe': '32'}))
    """
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        word, equals, value = (piece.strip() for piece in part.partition("="))
        name = _OTHER_WORDS.get(word, word)
        if not equals or not name or name in given:
            raise InvalidInputError(
                f"the search parameters {text!r} cannot be read: write each once, as in nprobe=32,proposals=400"
            )
        given[name] = value
    proposals = given.pop("proposals", None)
    return SearchParameters(None if proposals is None else positive("proposals", proposals), MappingProxyType(given))


def positive(name: str, text: str) -> int:
    """A whole number from 1 on.

    Raises:
        InvalidInputError: if the text is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise InvalidInputError(f"search parameters: {name} is a whole number from 1 on, not {text!r}")
    return int(text)
