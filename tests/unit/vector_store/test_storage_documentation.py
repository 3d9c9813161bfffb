"""docs/storage.md says what is so."""

import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.vector_store.embedded import EmbeddedStore
from util.vector_store.embedded.schema import APPLICATION_ID, INDEXED_FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "storage.md").read_text()


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors = unit_rows(np.random.default_rng(0).standard_normal((3, 8)))
    with EmbeddedStore("nearid.db") as store:
        store.create_space(SpaceInfo("bottles", "e", 8, "f"))
        store.upsert("bottles", ["b", "c", "a"], vectors, [{}] * 3, fingerprint="f")
    return tmp_path / "nearid.db"


def test_the_python_block_reads_a_store(path):
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE):
        exec(block, names)
    assert names["ids"] == ["a", "b", "c"]
    with EmbeddedStore(path) as store:
        np.testing.assert_array_equal(names["vectors"], store.get("bottles", ["a", "b", "c"]).vectors)


def test_the_tables_and_columns_are_the_ones_there_are(path):
    connection = sqlite3.connect(path)
    tables = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, flags=re.MULTILINE))
    there = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert tables.keys() == {name for (name,) in there}
    for table, told in tables.items():
        columns = {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}
        named = set(re.findall(r"`(\w+)`", told))
        assert columns <= named, table
    connection.close()


def test_the_numbers_are_the_ones_in_the_code():
    assert f"0x{APPLICATION_ID:08X}" in PAGE
    assert all(f"`{field}`" in PAGE for field in INDEXED_FIELDS)
