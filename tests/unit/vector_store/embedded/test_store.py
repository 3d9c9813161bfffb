"""What the embedded store does beyond the contract."""

import itertools
import json
import sqlite3

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.vector_store.embedded import EmbeddedStore

FINGERPRINT = "f" * 64


def test_the_documented_one_liner_reads_a_vector(bench):
    one = bench()
    one.add(0, 3)
    connection = sqlite3.connect(one.path)
    blob, metadata = connection.execute(
        "SELECT vector, metadata FROM images JOIN vectors USING (key) WHERE id = '000001'"
    ).fetchone()
    connection.close()
    np.testing.assert_array_equal(np.frombuffer(blob, "<f4"), one.vectors["000001"])
    assert json.loads(metadata) == {"n": 1}


def test_dropping_a_space_gives_the_room_back_and_removes_its_caches(bench):
    one = bench(dimension=256)
    one.store.create_space(SpaceInfo("kept", "e", 256, FINGERPRINT))
    one.store.upsert("kept", ["a"], np.eye(256, dtype=np.float32)[:1], [{"x": 1}], fingerprint=FINGERPRINT)
    empty = one.path.stat().st_size
    one.add(0, 6000)
    one.add(6000, 12000)
    one.check()
    assert (one.caches / "space-1.vectors").exists()
    full = one.path.stat().st_size
    one.store.drop_space("s")
    one.store.close()
    assert full > 6_000_000
    assert one.path.stat().st_size < empty + 1_000_000
    assert list(one.caches.iterdir()) == []
    with one.another() as store:
        assert store.get("kept", ["a"]).metadata == ({"x": 1},)


def test_a_space_made_anew_does_not_see_the_old_one(bench):
    one = bench()
    one.add(0, 5000)
    with one.another() as reader:
        one.check(reader)
        one.store.drop_space("s")
        one.vectors.clear()
        one.store.create_space(SpaceInfo("s", "e", 8, FINGERPRINT))
        one.add(0, 4500)
        one.check(reader)
        one.check()


def test_a_copy_of_a_store_works(bench, tmp_path):
    one = bench()
    one.add(0, 5000)
    connection = sqlite3.connect(one.path)
    connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    connection.close()
    with EmbeddedStore(tmp_path / "copy.db", cache_from=0) as copy:
        one.check(copy)
        assert (tmp_path / "copy.db.index" / "space-1.vectors").exists()


def test_filters_that_are_asked_again_look_at_new_images_only(bench, monkeypatch):
    from util.vector_store.embedded import filter_cache

    asked = []
    real = filter_cache.matching_keys

    def recorded(connection, space, where, *, after):
        asked.append(after)
        return real(connection, space, where, after=after)

    monkeypatch.setattr(filter_cache, "matching_keys", recorded)
    one = bench()
    one.add(0, 100)
    where = {"n": list(range(0, 300, 2))}

    def found():
        result = one.store.search("s", one.query()[np.newaxis], 500, fingerprint=FINGERPRINT, where=where)[0]
        return sorted(result.ids)

    assert found() == [f"{n:06}" for n in range(0, 100, 2)]
    assert found() == [f"{n:06}" for n in range(0, 100, 2)]
    one.add(100, 150)
    one.add(0, 3)
    one.remove(50, 60)
    assert found() == [f"{n:06}" for n in range(0, 150, 2) if not 50 <= n < 60]
    assert asked == [0, 100]
    for number in range(20):
        one.store.search("s", one.query()[np.newaxis], 1, fingerprint=FINGERPRINT, where={"n": number})
    assert found() == [f"{n:06}" for n in range(0, 150, 2) if not 50 <= n < 60]
    assert asked[-1] == 0  # forgotten for others


@pytest.mark.parametrize("queries", [1, 30])
def test_rankings_of_any_length_agree(bench, queries):
    """The ways a ranking is made (few candidates, full matrix, names of some or of all) give the same answer."""
    one = bench(dimension=16)
    one.add(0, 2500)
    copies = one.store.get("s", [f"{n:06}" for n in range(2500)])
    ids = [f"copy {id_}" for id_ in copies.ids]
    one.store.upsert("s", ids, copies.vectors, copies.metadata, fingerprint=FINGERPRINT)
    one.vectors |= dict(zip(ids, copies.vectors, strict=True))
    asked = np.stack([one.query(seed) for seed in range(queries)])
    whole = [one.expected(query, 5000) for query in asked]
    for k, with_metadata in itertools.product((1, 10, 400, 4999, 5000, 9000), (True, False)):
        results = one.store.search("s", asked, k, fingerprint=FINGERPRINT, with_metadata=with_metadata)
        assert [list(result.ids) for result in results] == [ids[:k] for ids in whole], (k, with_metadata)


def test_a_space_is_dropped_even_where_its_room_cannot_be_given_back(bench, caplog):
    one = bench()
    one.add(0, 5000)
    one.check()
    (one.caches / "space-1.vectors").unlink()
    (one.caches / "space-1.vectors").mkdir()
    one.store.drop_space("s")
    assert one.store.list_spaces() == []
    assert "is dropped" in caplog.text


def test_names_that_are_no_text_are_refused(bench):
    one = bench()
    for ask in (
        lambda: one.store.create_space(SpaceInfo("\udc80", "e", 8, FINGERPRINT)),
        lambda: one.store.info("\udc80"),
        lambda: one.store.create_space(SpaceInfo("t", "e", 8, FINGERPRINT, recipe="\udc80")),
    ):
        with pytest.raises(InvalidInputError, match="Unicode"):
            ask()
    assert dict(one.store.annotate("s", {"note": "\udc80"}).attributes) == {"note": "\udc80"}
