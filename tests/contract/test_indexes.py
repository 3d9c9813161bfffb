"""What the embedded store promises with every search index there is, by name and by factory string."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import faiss
import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.vector_store.embedded import EmbeddedStore
from util.vector_store.index_names import OPTIONS, is_exact

FINGERPRINT = "f" * 64
DIMENSION = 16
ROWS = 2400
NEEDS_ANNOY = pytest.mark.skipif(find_spec("annoy") is None, reason="the optional extra 'annoy' is not installed")

# From which size on ``auto`` takes an index is tested apart: it would be half a million rows here.
NAMES = [name for name in OPTIONS if not is_exact(name) and name != "auto"]
# With options: codes and graphs over fewer or whitened numbers, codes of 8 bits over few rows.
OTHERS = ["ivf:pca=12", "hnsw:pca=12,whiten", "ivfpq:lists=32,probes=32", "HNSW16", "IVF32,SQ8", "IVF16,PQ4x4fs"]
# With fewer rows hnswpq could not learn its 256 centroids, and the others would propose more than a quarter of them.
LARGER = {"hnswpq": 10_200} | dict.fromkeys(("pq", "ivfpq", "ivfpq:lists=32,probes=32", "lsh", "flat"), 4200)
INDEXES = [pytest.param(text, marks=NEEDS_ANNOY if text == "annoy" else ()) for text in [*NAMES, *OTHERS]]


class Space:
    """A store with one space in clusters, beside a dictionary that says what is in it."""

    def __init__(self, path: Path, index: str) -> None:
        self.path, self.index = path, index
        self.vectors: dict[str, np.ndarray] = {}
        self.rng = np.random.default_rng(3)
        self.centres = self.rng.standard_normal((60, DIMENSION))
        self.store = self.another()
        self.store.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT, index=index))
        self.add(LARGER.get(index, ROWS))

    @property
    def caches(self) -> set[str]:
        """What lies beside the store, without the vectors."""
        folder = self.path.with_name(self.path.name + ".index")
        return {file.name for file in folder.iterdir() if file.suffix != ".vectors"} if folder.exists() else set()

    def cache(self, name: str) -> Path:
        return self.path.with_name(self.path.name + ".index") / name

    def another(self) -> EmbeddedStore:
        """The same file opened again."""
        return EmbeddedStore(self.path, cache_from=0)

    def drawn(self, count: int) -> np.ndarray:
        around = self.centres[self.rng.integers(len(self.centres), size=count)]
        return unit_rows(around + 0.4 * self.rng.standard_normal((count, DIMENSION)))

    def add(self, count: int, vectors: np.ndarray | None = None) -> list[str]:
        vectors = self.drawn(count) if vectors is None else vectors
        ids = [f"{number:06}" for number in range(len(self.vectors), len(self.vectors) + count)]
        self.store.upsert("s", ids, vectors, [{"id": id_} for id_ in ids], fingerprint=FINGERPRINT)
        self.vectors |= dict(zip(ids, vectors, strict=True))
        return ids

    def remove(self, ids: list[str]) -> None:
        assert self.store.delete("s", ids=ids) == len(ids)
        for id_ in ids:
            self.vectors[id_] = None

    def recall(self, store: EmbeddedStore | None = None, k: int = 10, queries: int = 30) -> float:
        """Share of the true k found, after checking everything that has to hold of each answer."""
        alive = [id_ for id_, vector in self.vectors.items() if vector is not None]
        rows = np.array([self.vectors[id_] for id_ in alive], dtype=np.float64)
        asked = self.drawn(queries)
        right = 0
        for query, found in zip(
            asked, (store or self.store).search("s", asked, k, fingerprint=FINGERPRINT), strict=True
        ):
            scores = dict(zip(alive, rows @ query.astype(np.float64), strict=True))
            assert len(set(found.ids)) == k
            assert set(found.ids) <= scores.keys(), "only what is there now"
            np.testing.assert_allclose(found.scores, [scores[id_] for id_ in found.ids], atol=1e-6)
            assert np.all(np.diff(found.scores) <= 0)
            assert [fields["id"] for fields in found.metadata] == list(found.ids)
            right += np.count_nonzero(found.scores >= sorted(scores.values())[-k] - 1e-6)
        return right / (k * queries)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Callable[[str], Space]]:
    made: list[Space] = []

    def make(index: str) -> Space:
        made.append(Space(tmp_path / f"{len(made)}.db", index))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.mark.parametrize("index", INDEXES)
def test_nearly_all_are_found_and_what_changes_is_seen_at_once(space, index):
    one = space(index)
    assert one.store.info("s").index == index, "as it was written"
    assert one.recall() >= 0.9
    assert "space-1.faiss" in one.caches, "an index was built"
    (new,) = one.add(1, query := one.drawn(1))
    assert one.store.search("s", query, 10, fingerprint=FINGERPRINT)[0].ids[0] == new
    one.remove([new, *list(one.vectors)[:300]])
    assert one.recall() >= 0.9
    assert new not in one.store.search("s", query, 10, fingerprint=FINGERPRINT)[0].ids
    one.add(1300)  # more than are scanned beside an index
    assert one.recall() >= 0.9


@pytest.mark.parametrize("index", INDEXES)
def test_an_index_is_read_again_and_made_again(space, index):
    one = space(index)
    one.store.refresh("s")
    written = {name: one.cache(name).read_bytes() for name in one.caches}
    with one.another() as reader:
        reader.refresh("s")
        assert one.recall(reader) >= 0.9
    assert {name: one.cache(name).read_bytes() for name in one.caches} == written, "read, not built"
    for name in written:
        one.cache(name).unlink()
    with one.another() as reader:
        reader.refresh("s")
        assert one.recall(reader) >= 0.9
    assert "space-1.faiss" in one.caches
    assert len(one.caches) == len(written)


@pytest.mark.parametrize("index", ["hnsw", pytest.param("annoy", marks=NEEDS_ANNOY)])
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "missing"])
def test_each_file_of_an_index_is_checked(space, index, damage):
    one = space(index)
    one.store.refresh("s")
    for name in sorted(one.caches):
        if name not in one.caches:
            continue  # a forest that was replaced
        content = bytearray(one.cache(name).read_bytes())
        content[len(content) // 2] ^= 1
        one.cache(name).unlink()  # a store may have it mapped
        if damage != "missing":
            broken = {"cut": content[: len(content) // 2], "flipped": content, "foreign": b"something else" * 1000}
            one.cache(name).write_bytes(broken[damage])
        with one.another() as reader:
            assert one.recall(reader) >= 0.9
            reader.refresh("s")
        with one.another() as reader:
            reader.refresh("s")
            assert reader._memory["s"]._index[1]._built is not None
    assert len(one.caches) == (2 if index == "annoy" else 1)


KILLED = """
import os, signal, sys
from util.vector_store.embedded import EmbeddedStore
from util.vector_store.embedded.cache_file import CacheWriter
CacheWriter.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
EmbeddedStore(sys.argv[1], cache_from=1 << 40).refresh("s")
"""


@pytest.mark.parametrize("index", ["hnsw", pytest.param("annoy", marks=NEEDS_ANNOY)])
def test_a_process_killed_while_it_writes_an_index_leaves_nothing_that_is_used(space, index):
    one = space(index)
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(one.path)], check=False, env=os.environ)
        assert done.returncode == -signal.SIGKILL
        assert "space-1.faiss" not in one.caches
    assert one.recall() >= 0.9
    forests = {name for name in one.caches if "annoy" in name}
    assert len(forests) == (1 if index == "annoy" else 0), "what was left behind is gone"


@pytest.mark.parametrize("index", INDEXES)
def test_few_rows_are_searched_exactly(tmp_path, index):
    with EmbeddedStore(tmp_path / "few.db") as store:
        store.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT, index=index))
        query = unit_rows(np.random.default_rng(0).standard_normal((1, DIMENSION)))
        assert store.search("s", query, 5, fingerprint=FINGERPRINT)[0].ids == ()
        rows = unit_rows(np.random.default_rng(1).standard_normal((300, DIMENSION)))
        ids = [f"{number:03}" for number in range(len(rows))]
        store.upsert("s", ids, rows, [{}] * len(rows), fingerprint=FINGERPRINT)
        store.refresh("s")
        best = np.argsort(-(rows.astype(np.float64) @ query[0].astype(np.float64)))[:5]
        assert store.search("s", query, 5, fingerprint=FINGERPRINT)[0].ids == tuple(ids[place] for place in best)
    assert not (tmp_path / "few.db.index").exists()


@pytest.mark.parametrize("index", INDEXES)
def test_equal_vectors_and_vectors_of_zeros_do_no_harm(space, index):
    one = space(index)
    same = one.drawn(1)
    equal = one.add(50, np.repeat(same, 50, axis=0))
    zero = one.add(1, np.zeros((1, DIMENSION), dtype=np.float32))
    one.add(1300)  # so that the index holds them
    one.store.refresh("s")
    found = one.store.search("s", same, 30, fingerprint=FINGERPRINT)[0]
    assert set(found.ids) <= set(equal)
    assert list(found.ids) == sorted(found.ids)
    np.testing.assert_allclose(found.scores, 1, atol=1e-6)
    nothing = one.store.search("s", np.zeros((1, DIMENSION), dtype=np.float32), 10, fingerprint=FINGERPRINT)[0]
    assert len(set(nothing.ids)) == 10
    assert not nothing.scores.any()
    one.remove([*equal, *zero])
    assert not set(one.store.search("s", same, 30, fingerprint=FINGERPRINT)[0].ids) & {*equal, *zero}


def test_a_space_goes_from_index_to_index(space):
    one = space("flat")
    names = [name for name in NAMES if name != "hnswpq" and (name != "annoy" or find_spec("annoy"))]
    with one.another() as reader:
        for index in [*names, "flat", *reversed(names)]:
            info = one.store.set_index("s", index)
            assert (info.index, info.count) == (index, LARGER["flat"])
            one.store.refresh("s")
            assert one.recall() >= 0.9
            assert one.recall(reader) >= 0.9, "another process sees the change"
            expected = set() if index == "flat" else {"space-1.faiss"}
            assert {name for name in one.caches if "annoy" not in name} == expected
            assert sum("annoy" in name for name in one.caches) == (index == "annoy")
    one.store.drop_space("s")
    assert one.caches == set()
