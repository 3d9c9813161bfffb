"""Which re-rankers there are: the files of this package. Nothing is imported to list them."""

from __future__ import annotations

import util.rerank as package
from util.errors import ReRankerUnavailableError, UnknownReRankerError
from util.plugins import PluginPackage, closest_first
from util.rerank.base import ReRanker

# mypy fears that what is given as a class is also made; it is only looked for in bases.
RERANKERS = PluginPackage(package, ReRanker, "re-ranker", ReRankerUnavailableError)  # type: ignore[type-abstract]


def reranker_class(name: str) -> type[ReRanker]:
    """The re-ranker that goes by a name.

    Raises:
        UnknownReRankerError: if there is none; lists those there are, the closest first.
        ReRankerUnavailableError: if its file cannot be imported or does not define exactly one.
    """
    names = RERANKERS.names()
    if name not in names:
        there = ", ".join(closest_first(name, names))
        raise UnknownReRankerError(f"no re-ranker is called {name!r}: there are {there}")
    return RERANKERS.load_class(name)
