"""Attributes in pieces: as few documents as needed, none left over, and damage said so."""

import base64

import numpy as np
import pytest

from util.errors import StoreError
from util.records import SpaceInfo
from util.vector_store.vearch.large_attributes import LARGE

FINGERPRINT = "f" * 64


def large(seed: int, bytes_: int = 300_000) -> str:
    return base64.b64encode(np.random.default_rng(seed).bytes(bytes_)).decode()


def create(store, **attributes):
    return store.create_space(SpaceInfo("s", "e", 8, FINGERPRINT, attributes=attributes))


def documents(server) -> dict:
    return {
        id_: one for part in server.cluster.databases["nearid"]["nearid_spaces"].partitions for id_, one in part.items()
    }


def test_small_attributes_stay_in_the_entry(server, store):
    create(store, note="x" * (LARGE - 100))
    assert list(documents(server)) == ["s"]


def test_large_ones_are_in_as_many_pieces_as_it_takes(server, store):
    create(store, matrix=large(0), note="früh")
    names = sorted(documents(server))
    assert len(names) == 1 + 4, "400,000 characters, 120,000 a piece"
    assert all(name.startswith("s/") for name in names[1:])


def test_no_piece_is_left_over(server, store):
    create(store, matrix=large(0))
    store.annotate("s", {"calibration": {"threshold": 0.5}})
    assert len(documents(server)) == 5
    store.annotate("s", {"matrix": large(1), "other": large(1)})
    assert len(documents(server)) == 5, "equal values share their pieces"
    store.annotate("s", {"other": None})
    assert store.info("s").attributes["matrix"] == large(1)
    store.annotate("s", {"matrix": "small"})
    assert list(documents(server)) == ["s"]
    store.annotate("s", {"matrix": large(2)})
    store.drop_space("s")
    assert documents(server) == {}


def test_they_are_fetched_once(server, open_store):
    create(open_store(), matrix=large(0))
    store = open_store()
    store.info("s")
    server.requests.clear()
    store.info("s")
    asked = [str(body) for _, path, body in server.requests if path == "/document/query"]
    assert asked
    assert not any("s/" in body for body in asked)


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_damage_is_said_so(server, open_store, damage):
    create(open_store(), matrix=large(0))
    piece = sorted(documents(server))[2]
    for part in server.cluster.databases["nearid"]["nearid_spaces"].partitions:
        if piece in part and damage == "gone":
            del part[piece]
        elif piece in part:
            part[piece]["metadata"] = part[piece]["metadata"].replace("A", "B")
    with pytest.raises(StoreError, match="attribute of the space 's' is damaged in Vearch"):
        open_store().info("s")
