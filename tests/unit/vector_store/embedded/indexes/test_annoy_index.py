"""Forests of ANNOY: where the package is missing, what is asked of them, which files they leave."""

import logging
import sys

import numpy as np
import pytest

from util.errors import IndexUnavailableError, InvalidInputError
from util.records import SpaceInfo
from util.vector_store.embedded.indexes import check_index, index_kind
from util.vector_store.embedded.rows import VectorRows

FINGERPRINT = "f" * 64


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "annoy", None)  # Python's own way to say that there is none


@pytest.fixture
def installed():
    return pytest.importorskip("annoy", reason="the optional extra 'annoy' is not installed")


def rows_of(count: int, dimension: int = 8) -> VectorRows:
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    return VectorRows(1, np.arange(1, count + 1) * 3, (vectors,), np.array([2, 5], dtype=np.intp))


def test_without_the_package_no_space_is_made(bench, missing):
    one = bench()
    with pytest.raises(IndexUnavailableError, match=r"pip install 'nearid\[annoy\]'") as refusal:
        one.store.create_space(SpaceInfo("t", "e", 8, FINGERPRINT, index="annoy"))
    assert "\n" not in str(refusal.value)
    with pytest.raises(IndexUnavailableError):
        one.store.set_index("s", "annoy:trees=5")
    assert [info.index for info in one.store.list_spaces()] == ["Flat"]


def test_a_space_from_a_machine_that_has_it_is_searched_exactly(bench, installed, monkeypatch, caplog):
    one = bench(index="annoy")
    one.add(0, 1500)
    monkeypatch.setitem(sys.modules, "annoy", None)
    with caplog.at_level(logging.WARNING):
        one.check()
    assert "images exactly: the search index 'annoy' needs a package" in caplog.text


def test_without_the_package_a_written_index_is_left_alone(bench, installed, monkeypatch):
    one = bench(index="annoy")
    one.add(0, 1500)
    one.store.refresh("s")
    files = {file.name for file in one.caches.glob("space-1.*")}
    monkeypatch.setitem(sys.modules, "annoy", None)
    with one.another() as reader:
        one.check(reader)
    monkeypatch.setitem(sys.modules, "annoy", installed)
    with one.another() as reader:
        reader.refresh("s")
    assert {file.name for file in one.caches.glob("space-1.*")} == files, "read, not built"


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ("nprobe=3", "ANNOY does not take the search parameters nprobe"),
        ("search_k=0", "search_k is a whole number from 1 on"),
        ("search_k=-1", "search_k is a whole number from 1 on"),
        ("trees=3", "it takes search_k and proposals"),
    ],
)
def test_search_parameters_that_cannot_be(installed, parameters, part):
    with pytest.raises(InvalidInputError, match=part):
        check_index("annoy", 8, parameters)


def test_only_rows_that_are_alive_are_in_the_forest(installed):
    rows = rows_of(1200)
    built = index_kind("annoy:trees=4", 8).build(rows)
    assert built.forest.get_n_trees() == 4
    assert built.keys.tolist() == rows.keys[rows.alive].tolist()
    nearest = built.propose(rows.pieces[0][10:11], 5)[0]
    assert nearest[0] == rows.keys[10]


def test_looking_further_finds_more(installed):
    from util.vector_store.embedded.indexes import read_search_parameters

    rows = rows_of(3000)
    built = index_kind("annoy:trees=2,search=5", 8).build(rows)
    query = rows.pieces[0][100:101]
    few = len(built.propose(query, 500)[0])
    built.tune(read_search_parameters("search_k=3000"))
    many = len(built.propose(query, 500)[0])
    built.tune(read_search_parameters(""))
    assert few == len(built.propose(query, 500)[0]) < many


def test_the_same_rows_make_the_same_forest(installed):
    rows = rows_of(1200)
    one, other = (index_kind("annoy:trees=3", 8).build(rows) for _ in range(2))
    queries = rows.pieces[0][:20]
    assert [line.tolist() for line in one.propose(queries, 50)] == [
        line.tolist() for line in other.propose(queries, 50)
    ]


def test_a_forest_that_cannot_be_written_stays_in_memory(bench, installed, caplog):
    one = bench(index="annoy", cache_from=1 << 40)
    one.caches.write_text("a file where the folder should be")
    one.add(0, 1500)
    assert len(one.found(one.query(), 10)) == 10
    assert "in memory only" in caplog.text
    assert one.store._memory["s"]._index[1]._built is not None


def test_a_forest_whose_file_cannot_be_named_is_left_to_the_next_writer(bench, installed, monkeypatch, caplog):
    from util.vector_store.embedded.cache_file import CacheWriter

    def full(writer, data):
        raise OSError(28, "No space left on device")

    one = bench(index="annoy", cache_from=1 << 40)
    one.add(0, 1500)
    with monkeypatch.context() as patch:
        patch.setattr(CacheWriter, "write", full)
        one.store.refresh("s")
    assert "in memory only" in caplog.text
    assert [file.name.startswith("space-1.annoy-") for file in one.caches.iterdir()] == [True]
    assert len(one.found(one.query(), 10)) == 10
    with one.another() as other:
        other.refresh("s")
    assert len(list(one.caches.iterdir())) == 2
    assert len(one.found(one.query(), 10)) == 10, "its file is gone and still mapped"


def test_a_forest_that_another_process_removes_while_it_is_written_stays_mapped(bench, installed, monkeypatch, caplog):
    from util.vector_store.embedded.cache_file import CacheWriter
    from util.vector_store.embedded.indexes.annoy_index import remove_forests

    write = CacheWriter.write

    def overtaken(writer, data):
        remove_forests(one.caches / "space-1.faiss")  # as the other one does when it has written its own
        return write(writer, data)

    one = bench(index="annoy", cache_from=1 << 40)
    one.add(0, 1500)
    monkeypatch.setattr(CacheWriter, "write", overtaken)
    assert len(one.found(one.query(), 10)) == 10
    assert "in memory only" in caplog.text
    assert list(one.caches.iterdir()) == []
    assert len(one.found(one.query(), 10)) == 10
