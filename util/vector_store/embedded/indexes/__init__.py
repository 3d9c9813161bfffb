"""Indexes that make searches of large spaces faster: each kind is a strategy behind ``IndexKind``."""

from __future__ import annotations

from util.vector_store.embedded.indexes.base import BuiltIndex, CannotBuildError, CannotExtendError, IndexKind
from util.vector_store.embedded.indexes.search_parameters import SearchParameters, read_search_parameters
from util.vector_store.index_names import is_exact, is_name, read_index_name

__all__ = [
    "BuiltIndex",
    "CannotBuildError",
    "CannotExtendError",
    "IndexKind",
    "SearchParameters",
    "check_index",
    "index_kind",
    "read_search_parameters",
]


def index_kind(text: str, dimension: int) -> IndexKind:
    """The kind of index that a name or a factory string asks for.

    Args:
        text: as ``SpaceInfo.index`` has it; not exact search, which needs no index.
        dimension: of the vectors.

    Raises:
        InvalidInputError: if there is no such index.
    """
    if is_name(text) and read_index_name(text).kind == "annoy":
        from util.vector_store.embedded.indexes.annoy_index import AnnoyKind

        return AnnoyKind(text, dimension)
    from util.vector_store.embedded.indexes.faiss_index import FaissKind

    return FaissKind(text, dimension)


def check_index(text: str, dimension: int, parameters: str = "") -> None:
    """Refuses an index, or search parameters of it, that cannot be.

    Raises:
        InvalidInputError: with the reason.
        IndexUnavailableError: if the library of the index is not installed.
    """
    if not is_exact(text):
        index_kind(text, dimension).check(read_search_parameters(parameters))
