"""Which re-rankers there are: the files of this package. Nothing is imported to list them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from difflib import get_close_matches

import util.rerank as package
from util.errors import ReRankerUnavailableError, UnknownReRankerError
from util.rerank.base import ReRanker


def module_names() -> list[str]:
    """Names of the modules that are re-rankers, found by their file names alone."""
    found = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg}
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def reranker_class(name: str) -> type[ReRanker]:
    """The re-ranker that goes by a name.

    Raises:
        UnknownReRankerError: if there is none; lists those there are, the closest first.
        ReRankerUnavailableError: if its file cannot be imported or does not define exactly one.
    """
    names = module_names()
    if name not in names:
        raise _unknown(name, names)
    try:
        module = importlib.import_module(f"{package.__name__}.{name}")
    except Exception as error:  # whatever the code of one file raises is that re-ranker's trouble, and told as such
        raise ReRankerUnavailableError(
            f"the re-ranker {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    defined = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, ReRanker)
        and member.__module__ == module.__name__
        and not inspect.isabstract(member)
    ]
    if len(defined) != 1:
        classes = ", ".join(sorted(member.__name__ for member in defined)) or "none"
        raise ReRankerUnavailableError(
            f"{module.__file__} must define exactly one class derived from ReRanker with all its methods, "
            f"it defines {classes}"
        )
    return defined[0]


def _unknown(name: str, names: list[str]) -> UnknownReRankerError:
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    others = [other for other in names if other not in close]
    return UnknownReRankerError(f"no re-ranker is called {name!r}: there are {', '.join([*close, *others])}")
