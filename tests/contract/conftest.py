"""Every store there is, opened on nothing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_wire import QdrantServer
from vearch_wire import VearchServer

from util.vector_store import open_store
from util.vector_store.base import VectorStore
from util.vector_store.embedded import EmbeddedStore

# A new store is one line here: from an empty folder to the store, which opens the same place each time.
STORES: dict[str, Callable[[Path], VectorStore]] = {
    "embedded": lambda folder: open_store(f"embedded:{folder / 'nearid.db'}"),
    "embedded, cached on disk": lambda folder: EmbeddedStore(folder / "nearid.db", cache_from=0),
    "qdrant, in the process": lambda folder: open_store(f"qdrant+local:{folder / 'qdrant'}"),
}

# A store on a server is one line here: the fixture that gives the URL of an empty one.
SERVERS: dict[str, str] = {
    "qdrant, on loopback": "qdrant_on_loopback",
    "vearch, on loopback": "vearch_on_loopback",
    "vearch, three partitions": "vearch_in_three_partitions",
}

# And one on a real server, which has to be empty, one line here: the variable that holds its URL.
GIVEN: dict[str, str] = {
    "qdrant": "QDRANT_URL",
    "vearch": "VEARCH_URL",
}


@pytest.fixture(params=[*STORES, *SERVERS, *(pytest.param(name, marks=pytest.mark.server) for name in GIVEN)])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], VectorStore]]:
    """Opens the same store as often as it is called."""
    open_one = opener(request.param, request, tmp_path)
    opened: list[VectorStore] = []

    def open_() -> VectorStore:
        opened.append(open_one())
        return opened[-1]

    yield open_
    for store in opened:
        store.close()
    if request.param in GIVEN:
        leave_empty(open_one)


@pytest.fixture
def store(open_again: Callable[[], VectorStore]) -> VectorStore:
    """An open store without spaces."""
    return open_again()


@pytest.fixture
def all_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, VectorStore]]:
    """All stores by name, open and without spaces; those on real servers where their URLs are given."""
    names = [*STORES, *SERVERS, *(name for name, variable in GIVEN.items() if os.environ.get(variable))]
    openers = {}
    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        openers[name] = opener(name, request, tmp_path / str(number))
    stores = {name: open_one() for name, open_one in openers.items()}
    yield stores
    for name, store in stores.items():
        store.close()
        if name in GIVEN:
            leave_empty(openers[name])


def opener(name: str, request: pytest.FixtureRequest, folder: Path) -> Callable[[], VectorStore]:
    """What opens the store of this name."""
    if name in STORES:
        return lambda: STORES[name](folder)
    if name in SERVERS:
        url = request.getfixturevalue(SERVERS[name])
        return lambda: open_store(url)
    url = os.environ.get(GIVEN[name], "")
    if not url:
        pytest.skip(f"{GIVEN[name]} names no server to test on")
    with open_store(url) as store:
        if store.list_spaces():
            pytest.fail(f"the server of {GIVEN[name]} holds spaces, which these tests would drop: give an empty one")
    return lambda: open_store(url)


def leave_empty(open_one: Callable[[], VectorStore]) -> None:
    """Drops all spaces."""
    with open_one() as store:
        for info in store.list_spaces():
            store.drop_space(info.name)


@pytest.fixture
def qdrant_server() -> Iterator[QdrantServer]:
    """What speaks Qdrant's REST interface on loopback (see ``tests/servers/qdrant_wire.py``)."""
    server = QdrantServer()
    yield server
    server.stop()


@pytest.fixture
def vearch_server() -> Iterator[VearchServer]:
    """What speaks Vearch's REST interface on loopback (see ``tests/servers/vearch_wire``)."""
    server = VearchServer()
    yield server
    server.stop()


@pytest.fixture
def vearch_on_loopback(vearch_server) -> str:
    """The URL of an empty store on it."""
    return vearch_server.url


@pytest.fixture
def vearch_in_three_partitions(vearch_server) -> str:
    """The URL of an empty store whose spaces are divided, so that answers come in parts and out of order."""
    return f"{vearch_server.url}?partitions=3"


@pytest.fixture
def qdrant_on_loopback(qdrant_server) -> str:
    """The URL of an empty store on it."""
    return f"qdrant+http://{qdrant_server.place}"
