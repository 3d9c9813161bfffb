"""What a store is asked to do while the conversation is recorded, and again when it is replayed.

A recording that bears the name of a scenario is replayed by the same calls; each scenario leaves nothing behind.
"""

from collections.abc import Callable

import numpy as np

from util.errors import NearIdError
from util.records import SpaceInfo
from util.vector_store.base import VectorStore
from util.vector_store.filters import Range

FINGERPRINT = "f" * 64
UNIT = np.eye(4, dtype=np.float32)


def make_and_drop(store: VectorStore) -> None:
    """A space from nothing to nothing, with what it is in the catalogue."""
    made = store.create_space(SpaceInfo("a-b", "e", 4, FINGERPRINT, recipe="resize=4", attributes={"t": 0.5}))
    assert made.count == 0
    assert store.annotate("a-b", {"t": None, "note": "ü"}).attributes == {"note": "ü"}
    assert [info.name for info in store.list_spaces()] == ["a-b"]
    store.drop_space("a-b")
    assert store.list_spaces() == []


def write_and_search(store: VectorStore) -> None:
    """Images of odd names, found by vector and by filter."""
    store.create_space(SpaceInfo("s", "e", 4, FINGERPRINT))
    metadata = [{"item": "milk", "year": 1999}, {"item": "cream", "tags": ["a", "ü"]}, {"checked": True}, {}]
    store.upsert("s", ["a b/ü\n'\".jpg", "b", "c", "d"], UNIT, metadata, fingerprint=FINGERPRINT)
    best = store.search("s", UNIT[:2], 2, fingerprint=FINGERPRINT)
    assert [result.ids[0] for result in best] == ["a b/ü\n'\".jpg", "b"]
    assert store.search("s", UNIT[1:2], 3, fingerprint=FINGERPRINT, where={"tags": "ü"})[0].ids == ("b",)
    assert store.search("s", UNIT[:1], 3, fingerprint=FINGERPRINT, where={"item": "none"})[0].ids == ()
    assert store.count("s", {"year": Range(gte=1900, lt=2000)}) == 1
    held = store.get("s", ["d", "nothing", "b"])
    assert held.ids == ("d", "b")
    assert [id_ for batch in store.iterate("s") for id_ in batch.ids] == ["a b/ü\n'\".jpg", "b", "c", "d"]
    store.drop_space("s")


def replace_and_delete(store: VectorStore) -> None:
    """Images replaced, removed by id and by filter."""
    store.create_space(SpaceInfo("s", "e", 4, FINGERPRINT))
    store.upsert("s", ["a", "b", "c"], UNIT[:3], [{"n": 1}, {"n": 2}, {"n": 3}], fingerprint=FINGERPRINT)
    store.upsert("s", ["a"], UNIT[3:], [{"m": 1}], fingerprint=FINGERPRINT)
    assert store.get("s", ["a"]).metadata == ({"m": 1},)
    assert store.delete("s", ids=["b", "nothing"]) == 1
    assert store.delete("s", where={"n": 3}) == 1
    assert store.count("s") == 1
    store.drop_space("s")


def refused(store: VectorStore) -> None:
    """What the server refuses, and what it says."""
    for replicas in (7,):
        wanted = SpaceInfo("s", "e", 4, FINGERPRINT, attributes={"vearch": {"replicas": replicas}})
        try:
            store.create_space(wanted)
        except NearIdError as error:
            assert "partition servers" in str(error) or "replica" in str(error), error
        else:
            raise AssertionError("seven replicas on one server")
    assert store.list_spaces() == []


SCENARIOS: dict[str, Callable[[VectorStore], None]] = {
    scenario.__name__: scenario for scenario in (make_and_drop, write_and_search, replace_and_delete, refused)
}
