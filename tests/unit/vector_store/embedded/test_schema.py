"""Files of other programs and of other times."""

import sqlite3
import threading

import numpy as np
import pytest

from util.errors import StoreError
from util.records import SpaceInfo
from util.vector_store.embedded import EmbeddedStore, schema


def query(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_a_new_file_is_marked_as_ours(tmp_path):
    EmbeddedStore(tmp_path / "a.db").close()
    assert query(tmp_path / "a.db", "PRAGMA application_id") == [(schema.APPLICATION_ID,)]
    assert query(tmp_path / "a.db", "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "a.db").touch()
    with EmbeddedStore(tmp_path / "a.db") as store:
        assert store.list_spaces() == []


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        EmbeddedStore(path)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    EmbeddedStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99.*upgrade NearID"):
        EmbeddedStore(path)
    assert query(path, "PRAGMA user_version") == [(99,)]


def test_a_migration_that_fails_leaves_the_old_format_and_its_data(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    with EmbeddedStore(path) as store:
        store.create_space(SpaceInfo("s", "e", 2, "f"))
        store.upsert("s", ["a"], np.eye(2, dtype=np.float32)[:1], [{}], fingerprint="f")

    def m002_breaks(connection):
        connection.execute("DROP TABLE vectors")
        connection.execute("SELECT nonsense")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, m002_breaks))
    with pytest.raises(StoreError, match="nonsense"):
        EmbeddedStore(path)
    monkeypatch.undo()
    with EmbeddedStore(path) as store:
        assert len(store.get("s", ["a"])) == 1


def test_an_older_store_is_migrated_once(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    EmbeddedStore(path).close()
    runs = []

    def m002_adds_a_column(connection):
        runs.append(1)
        connection.execute("ALTER TABLE spaces ADD COLUMN note TEXT")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, m002_adds_a_column))
    EmbeddedStore(path).close()
    EmbeddedStore(path).close()
    assert runs == [1]
    assert query(path, "PRAGMA user_version") == [(2,)]


def test_many_can_make_the_same_store_at_once(tmp_path):
    path = tmp_path / "deep" / "a.db"
    start, errors = threading.Barrier(8), []

    def open_():
        start.wait()
        try:
            with EmbeddedStore(path) as store:
                store.create_space(SpaceInfo("s", "e", 2, "f"), exist_ok=True)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with EmbeddedStore(path) as store:
        assert [info.name for info in store.list_spaces()] == ["s"]


def test_the_indexed_fields_have_their_indexes(tmp_path):
    EmbeddedStore(tmp_path / "a.db").close()
    names = {name for (name,) in query(tmp_path / "a.db", "SELECT name FROM sqlite_schema WHERE type = 'index'")}
    for field in schema.INDEXED_FIELDS:
        assert {f"images_by_{field}", f"images_with_{field}_list"} <= names
