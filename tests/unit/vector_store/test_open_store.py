"""Stores are found by the scheme of their URL."""

import subprocess
import sys
from pathlib import Path

import pytest

from util.errors import InvalidInputError, StoreUnavailableError
from util.records import SpaceInfo
from util.vector_store import STORES, open_store
from util.vector_store.embedded import EmbeddedStore


def test_embedded_makes_the_file_and_its_folder(tmp_path):
    with open_store(f"embedded:{tmp_path}/deep/er/nearid.db") as store:
        assert isinstance(store, EmbeddedStore)
        assert store.url == f"embedded:{tmp_path}/deep/er/nearid.db"
        assert store.list_spaces() == []
    assert (tmp_path / "deep/er/nearid.db").is_file()


def test_embedded_takes_a_path_below_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("embedded:~/nearid.db").close()
    assert (tmp_path / "nearid.db").is_file()


def test_a_path_may_hold_any_character(tmp_path):
    path = tmp_path / "a b?c#d%20é:x.db"
    with open_store(f"embedded:{path}") as store:
        store.create_space(SpaceInfo("s", "e", 2, "f"))
    assert path.is_file()


def test_memory_leaves_nothing_behind():
    with open_store("embedded::memory:") as store:
        folder = store.path.parent
        store.create_space(SpaceInfo("s", "e", 2, "f"))
        assert store.url == "embedded::memory:"
        assert [info.name for info in store.list_spaces()] == ["s"]
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("url", ["", "data/nearid.db", "milvus:x", "embedded", "embedded:", "http://host", ":x"])
def test_other_urls_are_refused_with_the_forms_there_are(url):
    with pytest.raises(InvalidInputError) as refusal:
        open_store(url)
    assert all(kind.form in str(refusal.value) for kind in STORES.values())
    assert "\n" not in str(refusal.value)


def test_a_password_is_not_repeated():
    with pytest.raises(InvalidInputError) as refusal:
        open_store("milvus://root:hunter2@host")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_the_timeout_is_a_number_of_seconds(timeout):
    with pytest.raises(InvalidInputError, match="seconds"):
        open_store("embedded::memory:", timeout=timeout)


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreUnavailableError, match="is a folder"):
        open_store(f"embedded:{tmp_path}")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="folder"):
        open_store(f"embedded:{tmp_path}/file/nearid.db")


def test_neither_the_package_nor_exact_search_imports_what_is_heavy(tmp_path):
    code = f"""
import sys
import util.vector_store
assert "numpy" not in sys.modules and "sqlite3" not in sys.modules
import numpy as np
from util.records import SpaceInfo
store = util.vector_store.open_store("embedded:{tmp_path / "nearid.db"}")
store.create_space(SpaceInfo("s", "e", 2, "f"))
store.upsert("s", ["a"], np.eye(2, dtype=np.float32)[:1], [{{}}], fingerprint="f")
assert store.search("s", np.eye(2, dtype=np.float32), 1, fingerprint="f")[0].ids == ("a",)
assert not {"faiss", "torch", "qdrant_client"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
