"""The embedded store under several processes and threads, some of which are killed."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.vector_store.embedded import EmbeddedStore

FINGERPRINT = "f" * 64
DIMENSION = 32
KILLS = 20

# What a writer does, operation by operation, so that the state after each of them is known everywhere.
OPERATIONS = '''
import numpy as np
from util.records import unit_rows

def vectors_of(number, count):
    return unit_rows(np.random.default_rng(number).standard_normal((count, 32)))

def operation(number):
    """Ids to delete, or ids, vectors and metadata to write: new ones and some of the operation before."""
    if number % 4 == 3:
        return [f"{number - 2}/{row}" for row in range(5, 15)]
    ids = [f"{number}/{row}" for row in range(40)] + [f"{number - 1}/{row}" for row in range(8)]
    return ids, vectors_of(number, len(ids)), [{"operation": number}] * len(ids)

def apply(store, number):
    done = operation(number)
    if isinstance(done, list):
        store.delete("s", ids=done)
    else:
        store.upsert("s", *done, fingerprint="f" * 64)
'''

WRITER = (
    OPERATIONS
    + """
import sys
from util.vector_store.embedded import EmbeddedStore

with EmbeddedStore(sys.argv[1], cache_from=0) as store:
    for number in range(int(sys.argv[2]), 10_000):
        apply(store, number)
        print(number, flush=True)
        if number % 5 == 0:  # a kill may also hit the writing of a cache
            store.search("s", vectors_of(number, 1), 3, fingerprint="f" * 64)
"""
)

READER = """
import json
import sys
import numpy as np
from util.vector_store.embedded import EmbeddedStore

with EmbeddedStore(sys.argv[1], cache_from=0) as store:
    for line in sys.stdin:
        vector = np.array([json.loads(line)], dtype=np.float32)
        result = store.search("s", vector, 3, fingerprint="f" * 64)[0]
        answer = [result.ids, result.scores.tolist(), [dict(fields) for fields in result.metadata]]
        print(json.dumps(answer), flush=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def ask(reader: subprocess.Popen[str], vector: np.ndarray) -> list:
    reader.stdin.write(json.dumps(vector.tolist()) + "\n")
    reader.stdin.flush()
    return json.loads(reader.stdout.readline())


def new_store(path: Path) -> EmbeddedStore:
    store = EmbeddedStore(path, cache_from=0)
    store.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT), exist_ok=True)
    return store


def put(store: EmbeddedStore, ids: list[str], vectors: np.ndarray, **fields: object) -> None:
    store.upsert("s", ids, vectors, [fields] * len(ids), fingerprint=FINGERPRINT)


def contents(store: EmbeddedStore) -> dict[str, tuple[bytes, int]]:
    return {
        id_: (vector.tobytes(), fields["operation"])
        for batch in store.iterate("s")
        for id_, vector, fields in zip(batch.ids, batch.vectors, batch.metadata, strict=True)
    }


class Replay:
    """The state that the operations up to one leave in a dictionary."""

    def __init__(self) -> None:
        self._names: dict = {}
        exec(OPERATIONS, self._names)
        self._next = 0
        self.state: dict[str, tuple[bytes, int]] = {}

    def advance(self, last: int) -> dict[str, tuple[bytes, int]]:
        for number in range(self._next, last + 1):
            done = self._names["operation"](number)
            if isinstance(done, list):
                for id_ in done:
                    self.state.pop(id_, None)
            else:
                ids, vectors, _ = done
                self.state |= {id_: (vector.tobytes(), number) for id_, vector in zip(ids, vectors, strict=True)}
        self._next = last + 1
        return self.state


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_confirmed_and_leaves_nothing_half(tmp_path):
    path = tmp_path / "nearid.db"
    new_store(path).close()
    rng = random.Random(0)
    replay, first = Replay(), 0
    for _ in range(KILLS):
        writer = start(WRITER, path, first)
        confirmed = first - 1
        for _ in range(rng.randrange(1, 30)):
            line = writer.stdout.readline()
            assert line, writer.stderr.read()
            confirmed = int(line)
        time.sleep(rng.random() * 0.02)
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        confirmed = max([confirmed, *map(int, rest.split())])
        with EmbeddedStore(path, cache_from=0) as store:
            held = contents(store)
            if held != replay.advance(confirmed):
                confirmed += 1  # committed, but killed before it could say so
                assert held == replay.advance(confirmed)
            assert store.count("s") == len(held)
            ids = sorted(held)[:: max(1, len(held) // 20)]
            asked = np.frombuffer(b"".join(held[id_][0] for id_ in ids), dtype=np.float32).reshape(-1, DIMENSION)
            found = store.search("s", asked, 1, fingerprint=FINGERPRINT)
            assert [result.ids[0] for result in found] == ids
            with store._database.reading() as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        first = confirmed + 1
    assert first > KILLS


def test_a_reader_sees_new_rows_without_being_restarted(tmp_path):
    rng = np.random.default_rng(1)
    with new_store(tmp_path / "nearid.db") as store:
        put(store, ["a"], unit_rows(rng.standard_normal((1, DIMENSION))))
        reader = start(READER, store.path)
        query = unit_rows(rng.standard_normal((1, DIMENSION)))
        assert ask(reader, query[0])[0] == ["a"]
        put(store, ["b", "c"], np.vstack([query, -query]), version=1)
        ids, scores, metadata = ask(reader, query[0])
        assert (ids, scores[0], metadata[0]) == (["b", "a", "c"], pytest.approx(1), {"version": 1})
        put(store, ["c"], query, version=2)
        assert ask(reader, query[0])[::2] == [["b", "c", "a"], [{"version": 1}, {"version": 2}, {}]]
        store.delete("s", ids=["b"])
        assert ask(reader, query[0])[0] == ["c", "a"]
        store.drop_space("s")
        store.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT))
        put(store, ["z"], -query)
        assert ask(reader, query[0])[0] == ["z"]
        reader.communicate()
    assert reader.returncode == 0


def test_two_writers_take_turns(tmp_path):
    path = tmp_path / "nearid.db"
    new_store(path).close()
    code = """
import sys
import numpy as np
from util.vector_store.embedded import EmbeddedStore
rows = np.repeat(np.eye(32, dtype=np.float32)[:1], 20, axis=0)
with EmbeddedStore(sys.argv[1]) as store:
    for batch in range(50):
        ids = [f"{sys.argv[2]}/{batch}/{row}" for row in range(20)]
        store.upsert("s", ids, rows, [{"writer": sys.argv[2]}] * 20, fingerprint="f" * 64)
        store.upsert("s", ["both"], rows[:1], [{"writer": sys.argv[2], "batch": batch}], fingerprint="f" * 64)
"""
    writers = [start(code, path, name) for name in ("one", "two")]
    errors = [writer.communicate()[1] for writer in writers]
    assert errors == ["", ""]
    with EmbeddedStore(path) as store:
        assert store.count("s") == 2001
        assert store.count("s", {"writer": "one"}) + store.count("s", {"writer": "two"}) == 2001
        assert store.get("s", ["both"]).metadata[0]["batch"] == 49


def test_the_caches_may_be_deleted_under_open_stores(tmp_path):
    rng = np.random.default_rng(2)
    with new_store(tmp_path / "nearid.db") as store:
        vectors = unit_rows(rng.standard_normal((12_000, DIMENSION)))
        put(store, [str(row) for row in range(5000)], vectors[:5000])
        reader = start(READER, store.path)
        caches = store.path.with_name("nearid.db.index")

        def check(last: int) -> None:
            assert ask(reader, vectors[last])[0][0] == str(last)
            assert store.search("s", vectors[last : last + 1], 1, fingerprint=FINGERPRINT)[0].ids == (str(last),)

        check(4999)
        shutil.rmtree(caches)
        check(4999)
        put(store, [str(row) for row in range(5000, 5100)], vectors[5000:5100])
        check(5099)
        put(store, [str(row) for row in range(5100, 12_000)], vectors[5100:])
        check(11_999)
        assert list(caches.glob("*.vectors"))
        reader.communicate()
    assert reader.returncode == 0


def test_threads_search_whole_states_while_one_writes(tmp_path):
    """Each write replaces a pair of images; a search sees both as they were or both as they are, never a mixture."""
    store = new_store(tmp_path / "nearid.db")
    vectors = unit_rows(np.random.default_rng(3).standard_normal((30, DIMENSION)))
    for pair, vector in enumerate(vectors):
        put(store, [f"{pair:02} left", f"{pair:02} right"], np.vstack([vector, vector]), version=0)
    done, wrong, searches = threading.Event(), [], []

    def search(seed: int) -> None:
        rng = random.Random(seed)
        newest = [0] * len(vectors)
        while not done.is_set():
            pair = rng.randrange(len(vectors))
            where = {"version": list(range(1000))} if rng.random() < 0.3 else None
            result = store.search("s", vectors[pair : pair + 1], 2, fingerprint=FINGERPRINT, where=where)[0]
            versions = {fields["version"] for fields in result.metadata}
            good = result.ids == (f"{pair:02} left", f"{pair:02} right") and len(versions) == 1
            if not good or max(versions) < newest[pair]:
                wrong.append((pair, newest[pair], result))
            newest[pair] = max(versions, default=0)
            searches.append(seed)

    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for version in range(1, 150):
        pair = version % len(vectors)
        put(store, [f"{pair:02} right", f"{pair:02} left"], vectors[[pair, pair]], version=version)
    done.set()
    for thread in threads:
        thread.join()
    store.close()
    assert wrong == []
    assert set(searches) == set(range(8))
