"""Every store there is, opened on nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from util.vector_store import open_store
from util.vector_store.base import VectorStore
from util.vector_store.embedded import EmbeddedStore

# A new store is one line here: from an empty folder to the store, which opens the same place each time.
STORES: dict[str, Callable[[Path], VectorStore]] = {
    "embedded": lambda folder: open_store(f"embedded:{folder / 'nearid.db'}"),
    "embedded, cached on disk": lambda folder: EmbeddedStore(folder / "nearid.db", cache_from=0),
    "qdrant, in the process": lambda folder: open_store(f"qdrant+local:{folder / 'qdrant'}"),
}


@pytest.fixture(params=STORES)
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], VectorStore]]:
    """Opens the same store as often as it is called."""
    opened: list[VectorStore] = []

    def open_() -> VectorStore:
        opened.append(STORES[request.param](tmp_path))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Callable[[], VectorStore]) -> VectorStore:
    """An open store without spaces."""
    return open_again()
