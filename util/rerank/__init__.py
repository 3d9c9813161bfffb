"""Re-rankers: search results in a better order. One file in this folder is one re-ranker, imported when asked for.

>>> from util.rerank import available_rerankers, build_reranker
>>> "alpha_qe" in available_rerankers()
True
>>> build_reranker("alpha_qe:n=5").describe()
'alpha_qe:n=5,alpha=3.0'
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from util.image_extract.base import Extractor
    from util.rerank.base import ReRanker

__all__ = ["available_rerankers", "build_reranker"]


def available_rerankers() -> list[str]:
    """Names of the re-rankers: the files of this package; nothing is imported."""
    from util.rerank._catalogue import RERANKERS

    return RERANKERS.names()


def build_reranker(
    text: str,
    *,
    cache_dir: Path | None = None,
    cache_bytes: int | None = None,
    load_extractor: Callable[[str], Extractor] | None = None,
) -> ReRanker:
    """Makes a re-ranker, or a chain of them.

    Args:
        text: ``NAME``, ``NAME:key=value,key=value``, or several joined by ``+`` or ``,``: first to last.
        cache_dir: folder in which what is learned from a gallery outlasts the process; in memory only without it.
        cache_bytes: most that is kept in it, those files first that were used last; 8 GiB by default.
        load_extractor: finds the extractors that re-rankers ask for by name; ``util.image_extract.load`` by default.

    Raises:
        UnknownReRankerError: if there is none of a name; lists those there are, the closest first.
        ReRankerUnavailableError: if it cannot be loaded here.
        InvalidInputError: if the text cannot be read, or an option is unknown or out of range.
    """
    from util.rerank._cache import CACHE_BYTES, ArrayCache
    from util.rerank._writing import read_reranker

    cache = ArrayCache(cache_dir, max_bytes=CACHE_BYTES if cache_bytes is None else cache_bytes)
    given = {} if load_extractor is None else {"load_extractor": load_extractor}
    return read_reranker(text, cache=cache, **given)
