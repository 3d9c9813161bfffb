"""The vectors in memory follow the database, read only what is new, and their cache may vanish or rot."""

import logging
import shutil

import numpy as np
import pytest

from util.errors import StoreError
from util.vector_store.embedded import images, resident, spaces
from util.vector_store.embedded.cache_file import open_cache


@pytest.fixture
def read_keys(monkeypatch):
    """Keys of the vectors that are read from the database, in order."""
    read = []
    real = images.vectors_after

    def recorded(connection, space, key):
        for keys, vectors in real(connection, space, key):
            read.extend(keys.tolist())
            yield keys, vectors

    monkeypatch.setattr(resident, "vectors_after", recorded)
    return read


@pytest.mark.parametrize("cache_from", [0, 1 << 40])
def test_search_follows_every_change(bench, cache_from):
    one = bench(cache_from=cache_from)
    reader = one.another()
    for step in range(60):
        first = step * 100
        one.add(first, first + 100)
        if step % 3 == 0:
            one.add(first // 2, first // 2 + 30)
        if step % 4 == 1:
            one.remove(first, first + 50)
        if step % 2:
            one.check()
        if step % 5 == 0:
            one.check(reader)
    one.remove(*(5900, 6000))
    one.check()
    one.check(reader)
    reader.close()


def test_only_what_is_new_is_read(bench, read_keys):
    one = bench()
    one.add(0, 500)
    one.check()
    assert read_keys == list(range(1, 501))
    one.add(500, 510)
    one.add(0, 3)
    one.remove(100, 400)
    one.check()
    assert read_keys[500:] == list(range(501, 514))
    one.check()
    assert len(read_keys) == 513


def test_a_cache_is_read_instead_of_the_database(bench, read_keys):
    one = bench()
    one.add(0, 5000)
    one.check()
    assert (one.caches / "space-1.vectors").is_file()
    one.add(5000, 5010)
    one.remove(0, 10)
    read_keys.clear()
    with one.another() as reader:
        one.check(reader)
    assert read_keys == list(range(5001, 5011))


def test_small_spaces_have_no_cache(bench):
    one = bench(cache_from=1 << 20)
    one.add(0, 5000)
    one.check()
    assert not one.caches.exists()


def test_caches_grow_with_the_space_and_lose_the_removed(bench):
    one = bench()
    one.add(0, 6000)
    one.check()
    one.remove(0, 5000)
    one.check()
    keys = open_cache(one.caches / "space-1.vectors").sections["keys"].view(np.int64)
    assert keys.tolist() == list(range(5001, 6001))
    one.add(6000, 12000)
    one.check()
    assert len(open_cache(one.caches / "space-1.vectors").sections["keys"].view(np.int64)) == 7000


DAMAGES = {
    "deleted": lambda path, content: path.unlink(),
    "folder deleted": lambda path, content: shutil.rmtree(path.parent),
    "emptied": lambda path, content: path.write_bytes(b""),
    "cut off": lambda path, content: path.write_bytes(content[: len(content) // 2]),
    "one bit": lambda path, content: path.write_bytes(
        content[:70_000] + bytes([content[70_000] ^ 4]) + content[70_001:]
    ),
    "of zeros": lambda path, content: path.write_bytes(b"\0" * len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_cache_that_is_gone_or_damaged_is_built_again(bench, read_keys, damage):
    one = bench()
    one.add(0, 5000)
    one.check()
    path = one.caches / "space-1.vectors"
    content = path.read_bytes()
    # In another file, as the one mapped by the open store must not change under it.
    path.unlink()
    path.write_bytes(content)
    DAMAGES[damage](path, content)
    one.check()
    read_keys.clear()
    with one.another() as reader:
        one.check(reader)
    assert read_keys == list(range(1, 5001))
    assert open_cache(path).header["change"] == 1


def test_a_cache_of_another_history_is_built_again(bench, tmp_path, caplog):
    """A copy of the database is put back, and other images are written under the same keys."""
    one = bench()
    one.add(0, 4500)
    copy = tmp_path / "copy.db"
    with one.store._database.reading() as connection:
        connection.execute("COMMIT")
        connection.execute("VACUUM INTO ?", (str(copy),))
        connection.execute("BEGIN")
    before = dict(one.vectors)
    one.add(4500, 9000)
    one.check()
    one.store.close()
    for leftover in tmp_path.glob("0.db-*"):
        leftover.unlink()
    shutil.copy(copy, one.path)
    one.store, one.vectors = one.another(), before
    one.add(4500, 9000)
    with caplog.at_level(logging.INFO):
        one.check()
    assert "another history" in caplog.text


def test_a_cache_of_another_database_is_not_used(bench):
    one, other = bench(), bench()
    one.add(0, 4500)
    one.check()
    other._rng = np.random.default_rng(99)
    other.add(0, 4500)
    shutil.copytree(one.caches, other.caches)
    other.check()


def test_a_reader_far_behind_compares_all_keys(bench, monkeypatch, read_keys):
    monkeypatch.setattr(spaces, "_REMOVALS_KEPT", 3)
    one = bench()
    one.add(0, 500)
    one.check()
    for first in range(0, 100, 10):
        one.remove(first, first + 10)
    one.add(500, 520)
    read_keys.clear()
    one.check()
    assert read_keys == list(range(501, 521))


def test_where_no_cache_can_be_written_the_vectors_stay_in_memory(bench, caplog):
    one = bench()
    one.caches.write_text("a file where the folder should be")
    one.add(0, 5000)
    one.check()
    one.add(5000, 9900)
    one.check()
    assert "in memory only" in caplog.text


def test_a_database_that_contradicts_itself_is_refused(bench):
    one = bench()
    one.add(0, 10)
    with one.store._database.writing() as connection:
        connection.execute("DELETE FROM vectors WHERE key = 3")
    with pytest.raises(StoreError, match="counts 10 images and holds 9"):
        one.found(one.query(), 1)


def test_a_vector_of_another_length_is_refused(bench):
    one = bench()
    one.add(0, 10)
    with one.store._database.writing() as connection:
        connection.execute("UPDATE vectors SET vector = x'00000000' WHERE key = 3")
    with pytest.raises(StoreError, match="not 8 numbers"):
        one.found(one.query(), 1)


def test_an_error_half_way_leaves_nothing_half(bench, monkeypatch):
    one = bench()
    one.add(0, 100)
    one.check()
    real = images.vectors_after

    def breaks(connection, space, key):
        yield from real(connection, space, key)
        raise InterruptedError

    one.add(100, 200)
    monkeypatch.setattr(resident, "vectors_after", breaks)
    with pytest.raises(InterruptedError):
        one.check()
    monkeypatch.undo()
    one.check()
