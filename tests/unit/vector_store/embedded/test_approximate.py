"""FAISS indexes propose, exact scores decide; indexes follow the space, and may vanish or rot."""

import logging
import shutil

import faiss
import numpy as np
import pytest

from util.errors import InvalidInputError
from util.records import SpaceInfo, unit_rows
from util.vector_store.embedded.cache_file import open_cache
from util.vector_store.embedded.indexes import CannotBuildError, CannotExtendError, check_index, index_kind
from util.vector_store.embedded.indexes.faiss_index import FaissIndex, FaissKind

FINGERPRINT = "f" * 64
# Factory strings and the recall to expect of them; codes of 16 bits a row (PQ4x4) can tell little apart.
KINDS = {
    "HNSW16": 0.9,
    "IVF32,Flat": 0.9,
    "SQ8": 0.95,
    "IVF32,SQ8,RFlat": 0.9,
    "PCA12,IVF16,PQ4x4fs": 0.6,
    "IVF16,PQ4x4": 0.6,
    "HNSW16,PQ4x4": 0.6,
    "PQ4x4": 0.6,
}


@pytest.fixture(autouse=True)
def one_thread():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


def recall(one, k=10, queries=40):
    ids = np.array(sorted(one.vectors))
    vectors = np.array([one.vectors[id_] for id_ in ids], dtype=np.float64)
    asked = unit_rows(vectors[:queries].astype(np.float32) + np.float32(0.05))
    results = one.store.search("s", asked, k, fingerprint=FINGERPRINT)
    shares = []
    for query, result in zip(asked, results, strict=True):
        assert len(result) == k
        assert set(result.ids) <= one.vectors.keys()
        exact = dict(zip(ids.tolist(), (vectors @ query).tolist(), strict=True))
        np.testing.assert_allclose(result.scores, [exact[id_] for id_ in result.ids], atol=1e-6)
        best = sorted(exact, key=exact.__getitem__)[-k:]
        shares.append(len(set(result.ids) & set(best)) / k)
    return float(np.mean(shares))


@pytest.mark.parametrize(("kind", "least"), KINDS.items())
def test_every_kind_finds_nearly_all_with_exact_scores(bench, builds, kind, least):
    one = bench(dimension=16, index=kind)
    one.add(0, 2500, clusters=40)
    assert recall(one) >= least
    assert builds == ["build"]
    with one.another() as reader:
        query = one.query()
        assert one.found(query, 10, reader) == one.found(query, 10)
    assert builds == ["build", "read"]


@pytest.mark.parametrize("kind", ["HNSW16", "IVF32,Flat", "SQ8"])
def test_new_rows_are_found_at_once_and_removed_ones_never(bench, kind):
    one = bench(dimension=16, index=kind)
    one.add(0, 2000, clusters=20)
    assert recall(one) >= KINDS[kind]
    for step in range(8):
        first = 2000 + 150 * step
        one.add(first, first + 150, clusters=20)
        one.add(first - 150, first - 100, clusters=20)
        one.remove(150 * step, 150 * step + 100)
        query = one.vectors[f"{first:06}"]
        assert one.found(query, 1) == [f"{first:06}"]
        assert recall(one) >= KINDS[kind]


def test_an_index_is_extended_while_it_fits_and_rebuilt_when_it_does_not(bench, builds):
    one = bench(dimension=16, index="IVF32,Flat")
    one.add(0, 2000, clusters=20)
    one.store.refresh("s")
    one.add(2000, 2900, clusters=20)
    one.store.refresh("s")
    assert builds == ["build"]  # the few new ones are scanned
    one.add(2900, 3200, clusters=20)
    one.store.refresh("s")
    assert builds == ["build", "extended"]
    one.remove(0, 1500)
    one.store.refresh("s")
    assert builds == ["build", "extended", "build"]
    assert recall(one) >= 0.9
    one.add(3200, 8600, clusters=20)  # five times what the centroids were learnt from
    one.store.refresh("s")
    assert builds[3:] == ["build"]


def test_a_kind_that_cannot_be_extended_is_rebuilt(bench, builds, monkeypatch):
    def refuse(built, rows):
        raise CannotExtendError("clone not supported")

    monkeypatch.setattr(FaissIndex, "extended", refuse)
    one = bench(dimension=16, index="HNSW16")
    one.add(0, 2000)
    one.store.refresh("s")
    one.add(2000, 3500)
    one.store.refresh("s")
    assert builds == ["build", "build"]


def test_few_rows_are_searched_exactly(bench, builds):
    one = bench(dimension=16, index="IVF64,PQ4")
    assert index_kind("IVF64,PQ4", 16).least_rows == 39 * 256
    one.add(0, 3000)
    one.check()
    assert builds == []


def test_many_hits_and_filters_are_searched_exactly(bench, builds):
    one = bench(dimension=16, index="HNSW16")
    one.add(0, 1200)
    assert one.found(one.query(), 500) == one.expected(one.query(), 500)
    result = one.store.search("s", one.query()[np.newaxis], 10, fingerprint=FINGERPRINT, where={"n": [3, 5, 1100]})[0]
    assert sorted(result.ids) == ["000003", "000005", "001100"]
    assert builds == []


def test_k_hits_are_found_even_where_the_index_looks_at_too_little(bench):
    one = bench(dimension=16, index="IVF32,Flat")
    one.store.annotate("s", {"search_parameters": "nprobe=1"})
    one.add(0, 2000, clusters=300)
    query = one.query()
    assert len(one.found(query, 90)) == 90


def test_search_parameters_are_obeyed_at_once(bench):
    one = bench(dimension=16, index="IVF32,Flat")
    one.store.annotate("s", {"search_parameters": "nprobe=1"})
    one.add(0, 4000)
    low = recall(one)
    one.store.annotate("s", {"search_parameters": "nprobe=32"})
    assert recall(one) == 1.0
    one.store.annotate("s", {"search_parameters": "nprobe=1"})
    assert recall(one) == low < 0.9


def test_training_is_seeded(bench):
    first, second = bench(dimension=16, index="IVF32,Flat"), bench(dimension=16, index="IVF32,Flat")
    for one in (first, second):
        one.add(0, 3000)
        one.store.refresh("s")
    indexes = [open_cache(one.caches / "space-1.faiss").sections["index"].tobytes() for one in (first, second)]
    assert indexes[0] == indexes[1]


@pytest.mark.parametrize("damage", ["delete", "cut", "flip", "folder"])
def test_an_index_that_is_gone_or_damaged_is_built_again(bench, builds, damage):
    one = bench(dimension=16, index="HNSW16")
    one.add(0, 2000)
    one.store.refresh("s")
    path = one.caches / "space-1.faiss"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    if damage == "folder":
        shutil.rmtree(path.parent)
    elif damage == "delete":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:9000])
    assert recall(one) >= 0.9  # the open store does not need it
    with one.another() as reader:
        reader.refresh("s")
    assert builds == ["build", "build"]
    assert open_cache(path).header["factory"] == "HNSW16"


def test_an_index_that_cannot_be_written_stays_in_memory(bench, caplog):
    one = bench(dimension=16, index="HNSW16", cache_from=1 << 40)
    one.caches.write_text("a file where the folder should be")
    one.add(0, 2000)
    assert recall(one) >= 0.9
    assert "in memory only" in caplog.text


def test_an_index_that_the_disk_does_not_take_stays_in_memory(bench, monkeypatch, caplog, builds):
    from util.vector_store.embedded.cache_file import CacheWriter

    def full(writer, data):
        raise OSError(28, "No space left on device")

    one = bench(dimension=16, index="HNSW16", cache_from=1 << 40)
    one.add(0, 2000)
    monkeypatch.setattr(CacheWriter, "write", full)
    assert recall(one) >= 0.9
    assert recall(one) >= 0.9
    assert builds == ["build"]
    assert "in memory only" in caplog.text
    assert list(one.caches.iterdir()) == []


def test_where_faiss_cannot_learn_search_is_exact(bench, builds, monkeypatch, caplog):
    def fail(kind, rows):
        raise CannotBuildError("too few points")

    monkeypatch.setattr(FaissKind, "build", fail)
    one = bench(dimension=16, index="IVF32,Flat")
    one.add(0, 1500)
    with caplog.at_level(logging.WARNING):
        one.check()
        one.check()
    assert caplog.text.count("images exactly: too few") == 1  # not tried again before the space has doubled


@pytest.mark.parametrize(
    ("factory", "part"),
    [
        ("Nonsense", "could not parse"),
        ("nonsense", "there are flat, ivf"),
        ("", "could not parse"),
        ("Flat,", "could not parse"),
        ("PQ7", "multiple of"),
        ("IVF0,Flat", "needs lists"),
        ("IDMap,Flat", "IDMap"),
        ("NSG16", "NSG"),
    ],
)
def test_factory_strings_that_cannot_be_are_refused_at_once(bench, factory, part):
    one = bench()
    with pytest.raises(InvalidInputError, match=part) as refusal:
        one.store.create_space(SpaceInfo("t", "e", 16, FINGERPRINT, index=factory))
    assert "\n" not in str(refusal.value)
    assert "project/faiss" not in str(refusal.value)
    assert [info.name for info in one.store.list_spaces()] == ["s"]


@pytest.mark.parametrize(
    "parameters", ["nprobe", "nprobe=1,nprobe=2", "proposals=0", "nprobe=x", "efSearch=8", "bogus=1", 7]
)
def test_search_parameters_that_cannot_be_are_refused(bench, parameters):
    one = bench(dimension=16, index="IVF32,Flat")
    with pytest.raises(InvalidInputError, match="search.parameters"):
        one.store.annotate("s", {"search_parameters": parameters})
    with pytest.raises(InvalidInputError, match="search.parameters"):
        one.store.create_space(
            SpaceInfo("t", "e", 16, "f", attributes={"search_parameters": parameters}, index="IVF8,Flat")
        )
    assert "search_parameters" not in one.store.info("s").attributes


@pytest.mark.parametrize(
    "factory", ["Flat", "HNSW32", "IVF256,Flat", "IVF256,PQ32", "OPQ16,IVF64_HNSW32,PQ16", "HNSW32,PQ16"]
)
def test_usual_factory_strings_are_taken(factory):
    check_index(factory, 512)


def test_without_parameters_our_defaults_hold(bench):
    one = bench(dimension=16, index="IVF32,Flat")
    one.add(0, 2000)
    one.store.refresh("s")
    recall(one, queries=1)
    index = one.store._memory["s"]._index[1]._built.index
    assert faiss.extract_index_ivf(index).nprobe == 16
    one = bench(dimension=16, index="HNSW16")
    one.add(0, 2000)
    recall(one, queries=1)
    assert faiss.downcast_index(one.store._memory["s"]._index[1]._built.index).hnsw.efSearch == 128


def test_auto_is_exact_until_a_scan_is_slower_than_an_index(bench, builds, monkeypatch):
    assert index_kind("auto", 256).least_rows == 2**23 // 256
    monkeypatch.setattr("util.vector_store.embedded.indexes.sizing._FEW_NUMBERS", 16 * 2000)
    one = bench(dimension=16, index="auto")
    one.add(0, 1999, clusters=20)
    one.check()
    assert builds == []
    one.add(1999, 2600, clusters=20)
    assert recall(one) >= 0.9
    assert builds == ["build"]


@pytest.mark.parametrize(("index", "again"), [("ivf", True), ("hnsw", True), ("HNSW16", False)])
def test_what_was_laid_out_for_a_far_smaller_space_is_laid_out_again(bench, builds, index, again):
    one = bench(dimension=16, index=index)
    one.add(0, 1100, clusters=20)
    one.store.refresh("s")
    one.add(1100, 4500, clusters=20)
    one.store.refresh("s")
    assert builds == ["build", "build" if again else "extended"]
    assert recall(one) >= 0.9


def test_options_of_a_name_say_how_hard_to_search_and_parameters_say_it_louder(bench):
    one = bench(dimension=16, index="ivf:lists=32,probes=3,proposals=40")
    one.add(0, 2000)
    one.store.refresh("s")
    recall(one, queries=1)
    searching = one.store._memory["s"]._index[1]
    assert faiss.extract_index_ivf(searching._built.index).nprobe == 3
    assert searching._kind.proposals == 40
    one.store.annotate("s", {"search_parameters": "probes=9"})
    recall(one, queries=1)
    assert faiss.extract_index_ivf(searching._built.index).nprobe == 9


def test_more_proposals_find_more_through_coarse_codes(bench):
    one = bench(dimension=16, index="lsh:bits=16,proposals=40")
    one.add(0, 4000)
    few = recall(one)
    one.store.annotate("s", {"search_parameters": "proposals=900"})
    assert few < 0.9 < recall(one)


def test_a_cache_file_of_an_older_layout_is_built_again(bench, builds):
    from util.vector_store.embedded.cache_file import CacheWriter

    one = bench(dimension=16, index="HNSW16")
    one.add(0, 2000)
    one.caches.mkdir(exist_ok=True)
    with CacheWriter(one.caches / "space-1.faiss") as writer:
        with writer.section("index"):
            writer.write(b"once")
        writer.finish({"kind": "index", "factory": "HNSW16", "trained_on": 0, "change": 1, "token": ""})
    one.store.refresh("s")
    assert builds == ["build"]
    assert recall(one) >= 0.9


def test_another_index_forgets_the_parameters_of_the_former(bench):
    one = bench(dimension=16, index="HNSW16")
    one.store.annotate("s", {"search_parameters": "efSearch=64", "note": 1})
    info = one.store.set_index("s", "IVF16,Flat")
    assert (info.index, dict(info.attributes)) == ("IVF16,Flat", {"note": 1})
    assert one.store.set_index("s", "hnsw", search_parameters="ef=9").attributes["search_parameters"] == "ef=9"
    with pytest.raises(InvalidInputError, match="it takes efSearch, proposals"):
        one.store.set_index("s", "hnsw", search_parameters="nprobe=9")
    assert one.store.info("s").attributes["search_parameters"] == "ef=9"
