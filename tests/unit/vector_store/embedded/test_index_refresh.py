"""Who may search an index, and who builds it, while threads see different states of a space."""

import threading

import numpy as np
import pytest

from util.records import unit_rows
from util.vector_store.embedded.approximate import ApproximateSearch
from util.vector_store.embedded.indexes import index_kind
from util.vector_store.embedded.indexes.faiss_index import FaissKind
from util.vector_store.embedded.rows import VectorRows


def test_others_search_while_one_builds(bench, builds, monkeypatch):
    one = bench(dimension=16, index="HNSW16")
    one.add(0, 2000)
    building, go_on = threading.Event(), threading.Event()
    real = FaissKind.build

    def slow(kind, rows):
        building.set()
        assert go_on.wait(10)
        return real(kind, rows)

    monkeypatch.setattr(FaissKind, "build", slow)
    builder = threading.Thread(target=one.store.refresh, args=("s",))
    builder.start()
    assert building.wait(10)
    one.check()  # exactly, without waiting
    go_on.set()
    builder.join()
    assert len(one.found(one.query(), 10)) == 10
    assert builds == ["build"]


def test_an_index_is_searched_only_once_it_is_written(bench, monkeypatch):
    pytest.importorskip("annoy", reason="the optional extra 'annoy' is not installed")
    from util.vector_store.embedded.indexes.annoy_index import AnnoyIndex

    one = bench(dimension=16, index="annoy")
    one.add(0, 1500)
    asked, written, found = [], [], []
    write, propose = AnnoyIndex.write, AnnoyIndex.propose

    def searched_while_it_is_written(built, path, header):
        searcher = threading.Thread(target=lambda: found.append(one.found(one.query(), 10)))
        searcher.start()
        searcher.join(10)
        written.append(len(asked))
        write(built, path, header)

    monkeypatch.setattr(AnnoyIndex, "write", searched_while_it_is_written)
    monkeypatch.setattr(AnnoyIndex, "propose", lambda *given: asked.append(given) or propose(*given))
    one.store.refresh("s")
    assert len(found[0]) == 10
    assert written == [0], "ANNOY unloads a forest while it saves it"
    one.found(one.query(), 10)
    assert len(asked) == 1


def test_a_search_that_sees_an_older_state_builds_nothing_for_it(builds, tmp_path):
    vectors = unit_rows(np.random.default_rng(0).standard_normal((4000, 16)).astype(np.float32))
    now, before = (
        VectorRows(change, np.arange(1, count + 1), (vectors[:count],), np.empty(0, dtype=np.intp))
        for change, count in ((5, 4000), (4, 2000))
    )
    search = ApproximateSearch(tmp_path / "space-1.faiss", index_kind("HNSW16", 16))
    search.refresh(now, token_of=str)
    found = search.nearest(before, vectors[:1], 10, parameters="", token_of=str)
    assert builds == ["build"]
    assert found[0].positions.max() < 2000
