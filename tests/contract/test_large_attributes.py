"""A space keeps attributes of any size, such as the projection of a reduced one, in every store."""

import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.search.projection import Projection, projection_of

FINGERPRINT = "f" * 64


def projection(inputs: int, kept: int, seed: int = 0) -> Projection:
    random = np.random.default_rng(seed)
    return Projection(random.normal(size=inputs), random.normal(size=(kept, inputs)))


def keep(store, made: Projection, name: str = "s", **attributes) -> SpaceInfo:
    kept = {"projection": made.to_json(), **attributes}
    return store.create_space(SpaceInfo(name, "e", made.dimension, FINGERPRINT, attributes=kept))


@pytest.mark.parametrize(("inputs", "kept"), [(3, 2), (512, 64), (1664, 128)])
def test_a_projection_comes_back_bit_by_bit(open_again, inputs, kept):
    made, first = projection(inputs, kept), open_again()
    assert projection_of(keep(first, made, note="früh")).sha256 == made.sha256
    info = open_again().info("s")
    assert info.attributes == {"projection": made.to_json(), "note": "früh"}
    assert projection_of(info).matrix.tobytes() == made.matrix.tobytes()
    assert open_again().list_spaces() == [info]


def test_spaces_keep_their_own(store):
    shapes = {"s": (700, 60), "t": (800, 70), "a plain one": (4, 2)}
    made = {name: projection(*shape, seed) for seed, (name, shape) in enumerate(shapes.items())}
    for name, one in made.items():
        keep(store, one, name)
    assert [info.name for info in store.list_spaces()] == sorted(shapes)
    assert {info.name: projection_of(info).sha256 for info in store.list_spaces()} == {
        name: one.sha256 for name, one in made.items()
    }
    store.drop_space("s")
    assert [info.name for info in store.list_spaces()] == ["a plain one", "t"]
    assert projection_of(store.info("t")).sha256 == made["t"].sha256


def test_it_stays_when_another_attribute_changes_and_goes_when_it_is_replaced(store):
    made, other = projection(900, 64), projection(900, 64, seed=1)
    keep(store, made)
    store.annotate("s", {"calibration": {"threshold": 0.5}})
    info = store.annotate("s", {"calibration": None, "note": '"\\' * 30_000})
    assert projection_of(info).sha256 == made.sha256
    assert store.info("s").attributes["note"] == '"\\' * 30_000
    store.annotate("s", {"projection": other.to_json(), "note": None})
    assert projection_of(store.info("s")).sha256 == other.sha256
    store.annotate("s", {"projection": None})
    assert dict(store.info("s").attributes) == {}
    assert [one.name for one in store.list_spaces()] == ["s"]


def test_images_are_written_and_found_beside_it(store):
    keep(store, projection(1664, 64))
    rows = unit_rows(np.random.default_rng(0).normal(size=(30, 64)))
    store.upsert("s", [f"{n:02}" for n in range(30)], rows, [{"n": n} for n in range(30)], fingerprint=FINGERPRINT)
    found = store.search("s", rows[[4]], 1, fingerprint=FINGERPRINT)[0]
    assert (found.ids, found.hits[0].metadata["n"], store.count("s")) == (("04",), 4, 30)
