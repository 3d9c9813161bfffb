"""A Vearch on loopback, and stores on it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from vearch_wire import VearchServer

from util.records import SpaceInfo, unit_rows
from util.vector_store.vearch import VearchStore

FINGERPRINT = "f" * 64


@pytest.fixture
def server() -> Iterator[VearchServer]:
    server = VearchServer()
    yield server
    server.stop()


@pytest.fixture
def open_store(server) -> Iterator[Callable[..., VearchStore]]:
    """Opens stores on the server, with options in their URL and as arguments."""
    opened: list[VearchStore] = []

    def open_(query: str = "", **arguments: object) -> VearchStore:
        opened.append(VearchStore(server.url + query, **({"timeout": 3.0} | arguments)))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store) -> VearchStore:
    return open_store()


@pytest.fixture
def fill() -> Callable[..., np.ndarray]:
    """Makes a space ``s`` with images "0000", "0001" … whose metadata say their number; gives their vectors."""

    def fill(store: VearchStore, count: int, *, dimension: int = 8, attributes: dict | None = None) -> np.ndarray:
        store.create_space(SpaceInfo("s", "e", dimension, FINGERPRINT, attributes=attributes or {}), exist_ok=True)
        vectors = unit_rows(np.random.default_rng(0).standard_normal((count, dimension)))
        metadata = [{"n": n, "even": n % 2 == 0} for n in range(count)]
        store.upsert("s", [f"{n:04}" for n in range(count)], vectors, metadata, fingerprint=FINGERPRINT)
        return vectors

    return fill
