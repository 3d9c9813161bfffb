"""One writer, many readers, and what the file system can do to them."""

import multiprocessing
import os
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from util.errors import StoreError, StoreUnavailableError
from util.records import SpaceInfo
from util.vector_store.embedded import EmbeddedStore, connections

ROW = np.eye(4, dtype=np.float32)[:1]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "nearid.db"
    with EmbeddedStore(path) as store:
        store.create_space(SpaceInfo("s", "e", 4, "f"))
        store.upsert("s", ["a"], ROW, [{"n": 1}], fingerprint="f")
    return path


def test_a_second_writer_waits_for_the_first(path):
    with EmbeddedStore(path) as store, EmbeddedStore(path) as other:
        written = threading.Event()

        def write():
            other.upsert("s", ["b"], ROW, [{}], fingerprint="f")
            written.set()

        with store._database.writing() as connection:
            writer = threading.Thread(target=write)
            writer.start()
            assert not written.wait(0.2)
            connection.execute("UPDATE spaces SET attributes = '{\"x\": 1}'")
        assert written.wait(10)
        writer.join()
        assert store.count("s") == 2
        assert other.info("s").attributes["x"] == 1


@pytest.mark.parametrize("of_one_store", [True, False])
def test_a_writer_that_waits_too_long_says_so(path, of_one_store):
    with EmbeddedStore(path, timeout=0.1) as store, EmbeddedStore(path, timeout=0.1) as other:
        with (store if of_one_store else other)._database.writing(), ThreadPoolExecutor(1) as thread:
            failure = thread.submit(write, store).exception()
        assert isinstance(failure, StoreUnavailableError)
        assert "another writer" in str(failure)
        assert "0.1 s: try again" in str(failure)
        write(store)


def write(store):
    store.upsert("s", ["b"], ROW, [{}], fingerprint="f")


def test_readers_see_one_state_while_others_write(path):
    with EmbeddedStore(path) as store, EmbeddedStore(path) as other, store._database.reading() as connection:
        count = "SELECT count(*) FROM images"
        assert connection.execute(count).fetchone()[0] == 1
        write(other)
        assert connection.execute(count).fetchone()[0] == 1
        assert other.count("s") == 2


def test_a_failed_write_leaves_nothing_and_blocks_nobody(path):
    with EmbeddedStore(path, timeout=0.1) as store:
        with pytest.raises(KeyError), store._database.writing() as connection:
            connection.execute("DELETE FROM images")
            raise KeyError
        assert store.count("s") == 1
        assert len(store.get("s", ["a"])) == 1
        write(store)


def test_the_file_is_kept_as_the_documentation_says(path):
    with EmbeddedStore(path) as store, store._database.reading() as connection:

        def setting(name):
            return connection.execute(f"PRAGMA {name}").fetchone()[0]

        assert setting("journal_mode") == "wal"
        assert setting("synchronous") == 2  # FULL
        assert setting("page_size") == 8192
        assert setting("auto_vacuum") == 2  # INCREMENTAL
        assert setting("integrity_check") == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_full_disk_loses_only_the_batch_that_did_not_fit(path, monkeypatch):
    monkeypatch.setattr(connections, "_PRAGMAS", (*connections._PRAGMAS, "max_page_count = 40"))
    rows = np.repeat(ROW, 500, axis=0)
    with EmbeddedStore(path) as store:
        with pytest.raises(StoreUnavailableError, match="is full.*free some space"):
            for batch in range(1000):
                ids = [f"{batch}/{number}" for number in range(500)]
                store.upsert("s", ids, rows, [{"batch": batch}] * 500, fingerprint="f")
        count = store.count("s")
        assert count == 1 + 500 * batch
        assert store.count("s", {"batch": batch}) == 0
    monkeypatch.undo()
    with EmbeddedStore(path) as store:
        assert store.count("s") == count
        write(store)
        assert len(store.search("s", ROW, 10_000, fingerprint="f")[0]) == count + 1


def in_child(work, *arguments):
    """What a function puts into a queue in a forked process that may not write where root may."""
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=work, args=(answers, *arguments))
    child.start()
    answer = answers.get(timeout=20)
    child.join()
    return answer


def as_nobody():
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def refused(answers, path):
    as_nobody()
    try:
        with EmbeddedStore(path) as store:
            write(store)
        answers.put("written")
    except StoreUnavailableError as error:
        answers.put(str(error))


@pytest.fixture
def locked_down():
    """A folder with a store that others may read but not write to."""
    # Not tmp_path: pytest keeps the folders above it from other users.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedStore(folder / "nearid.db") as store:
            store.create_space(SpaceInfo("s", "e", 4, "f"))
        (folder / "nearid.db").chmod(0o444)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_store_that_may_not_be_written_says_so(locked_down):
    answer = in_child(refused, locked_down / "nearid.db")
    assert str(locked_down / "nearid.db") in answer
    assert "write permission" in answer or "can be written to" in answer


def test_a_folder_that_may_not_be_written_says_so(locked_down):
    answer = in_child(refused, locked_down / "deeper" / "nearid.db")
    assert "cannot make the folder" in answer
    assert "Permission denied" in answer


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda content: b"P5 4 4 255 " + content[11:], "is not a NearID store"),
        (lambda content: b"\xff" * 20_000, "is not a NearID store"),
        (lambda content: content[:8192] + b"\xa5" * (len(content) - 8192), "damaged"),
        (lambda content: content[: len(content) // 2], "damaged"),
    ],
)
def test_damaged_files_are_named_as_such(path, damage, part):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=part) as refusal, EmbeddedStore(path) as store:
        for info in store.list_spaces():
            store.search(info.name, ROW, 1, fingerprint="f")
            list(store.iterate(info.name))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_closed_store_says_so_and_lets_running_reads_end(path):
    store = EmbeddedStore(path)
    with store._database.reading() as connection:
        store.close()
        assert connection.execute("SELECT count(*) FROM images").fetchone()[0] == 1
    with pytest.raises(StoreError, match="closed"):
        store.count("s")
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def count(answers, store):
    try:
        answers.put(store.count("s"))
    except StoreError as error:
        answers.put(str(error))


def test_a_store_does_not_cross_a_fork(path):
    with EmbeddedStore(path) as store:
        assert "open it again" in in_child(count, store)
        assert store.count("s") == 1
