"""What goes over the wire to Qdrant, and what becomes of its refusals."""

import json
import re
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from qdrant_client import models

from util.errors import NearIdError, PartialWriteError, SpaceExistsError, StoreError, StoreUnavailableError
from util.records import SpaceInfo, unit_rows
from util.vector_store import open_store
from util.vector_store.filters import Range

FINGERPRINT = "f" * 64
KEY = "key-that-nobody-may-see"


def filled(store, count=3, dimension=4, name="bottles", index="Flat"):
    store.create_space(SpaceInfo(name, "e", dimension, FINGERPRINT, index=index))
    vectors = unit_rows(np.random.default_rng(0).standard_normal((count, dimension)))
    metadata = [{"n": n, "item": f"item {n}"} for n in range(count)]
    store.upsert(name, [f"{n:05}" for n in range(count)], vectors, metadata, fingerprint=FINGERPRINT)
    return vectors


def refusing(server, status, *, after=0, method="PUT", ending="/points"):
    """Lets ``after`` requests of this kind through and refuses those that follow."""
    seen = []

    def disturb(asked, path):
        if asked == method and path.endswith(ending):
            seen.append(path)
            if len(seen) > after:
                raise server.refusal(status, "this is a test")

    server.disturb = disturb


@pytest.fixture
def store(qdrant_on_loopback):
    with open_store(qdrant_on_loopback) as opened:
        yield opened


def test_the_key_travels_and_is_never_said(qdrant_server):
    qdrant_server.key = KEY
    url = f"qdrant+http://:{KEY}@{qdrant_server.place}"
    with open_store(url) as store:
        filled(store)
        assert store.count("bottles") == 3
        said = [store.url, repr(store), repr(vars(store))]
    with open_store(url.replace(KEY, "wrong-" + KEY)) as store:
        with pytest.raises(StoreUnavailableError, match="API key") as refusal:
            store.list_spaces()
        said.append(str(refusal.value))
    with open_store(f"qdrant+http://{qdrant_server.place}") as store, pytest.raises(StoreUnavailableError, match="401"):
        store.list_spaces()
    assert not any(KEY in text for text in said)


@pytest.mark.parametrize("version", ["1.15.4", "0.11.0", "unknown"])
def test_an_old_server_is_refused_by_name(qdrant_server, qdrant_on_loopback, version):
    qdrant_server.version = version
    with pytest.raises(StoreUnavailableError, match=rf"Qdrant {re.escape(version)}.*1\.16"):
        open_store(qdrant_on_loopback)


def test_newer_servers_are_taken(qdrant_server, qdrant_on_loopback):
    for version in ("1.16.0", "1.20.1-dev", "v2.0.0"):
        qdrant_server.version = version
        open_store(qdrant_on_loopback).close()


def test_nobody_there_is_said(qdrant_server):
    place = qdrant_server.place
    qdrant_server.stop()
    with pytest.raises(StoreUnavailableError, match=f"{place}.*cannot be reached"):
        open_store(f"qdrant+http://:{KEY}@{place}")


def test_a_server_that_goes_away_is_said(qdrant_server, store):
    filled(store)
    qdrant_server.stop()
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.count("bottles")


def test_a_slow_server_is_given_up(qdrant_server, qdrant_on_loopback):
    with open_store(qdrant_on_loopback, timeout=1) as store:
        qdrant_server.disturb = lambda method, path: time.sleep(3)
        with pytest.raises(StoreUnavailableError, match="in time"):
            store.list_spaces()


@pytest.mark.parametrize(
    ("status", "error", "part"),
    [
        (500, StoreUnavailableError, "HTTP 500: this is a test"),
        (503, StoreUnavailableError, "try again"),
        (429, StoreUnavailableError, "overloaded"),
        (413, StoreError, "max_request_size_mb"),
        (403, StoreUnavailableError, "API key"),
        (422, StoreError, "refused the request .HTTP 422: this is a test"),
    ],
)
def test_refusals_of_the_server_become_errors_that_say_why(qdrant_server, store, status, error, part):
    filled(store)
    refusing(qdrant_server, status)
    with pytest.raises(error, match=part) as refusal:
        store.upsert("bottles", ["x"], np.eye(4, dtype=np.float32)[:1], [{}], fingerprint=FINGERPRINT)
    assert "\n" not in str(refusal.value)
    assert store.count("bottles") == 3


def test_batches_are_cut_by_number_and_by_size(qdrant_server, store):
    filled(store, count=2500)
    sizes = [size for method, path, size in qdrant_server.requests if method == "PUT" and path.endswith("/points")]
    assert len(sizes) == 3
    assert store.count("bottles") == 2500
    qdrant_server.requests.clear()
    filled(store, count=400, dimension=2048, name="wide")
    sizes = [size for method, path, size in qdrant_server.requests if method == "PUT" and path.endswith("/points")]
    assert len(sizes) > 1
    assert max(sizes) <= 9 << 20
    assert store.count("wide") == 400


def test_a_batch_cut_off_half_way_says_what_was_confirmed_and_can_be_written_again(qdrant_server, store):
    store.create_space(SpaceInfo("bottles", "e", 4, FINGERPRINT))
    refusing(qdrant_server, 503, after=1)
    vectors = unit_rows(np.random.default_rng(0).standard_normal((1500, 4)))
    batch = ([str(n) for n in range(1500)], vectors, [{"n": n} for n in range(1500)])
    with pytest.raises(PartialWriteError, match="1000 of 1500 images.*this is a test") as refusal:
        store.upsert("bottles", *batch, fingerprint=FINGERPRINT)
    assert refusal.value.confirmed == tuple(batch[0][:1000])
    assert store.count("bottles") == 1000
    qdrant_server.disturb = lambda method, path: None
    store.upsert("bottles", *batch, fingerprint=FINGERPRINT)
    assert store.count("bottles") == 1500


def test_what_filters_compare_has_an_index(qdrant_server, store):
    filled(store)
    assert qdrant_server.indexes["bottles"] == {"terms": "keyword"}
    store.count("bottles", {"n": Range(gte=1)})
    store.search("bottles", np.eye(4, dtype=np.float32), 1, fingerprint=FINGERPRINT, where={'a."b': Range(lt=3)})
    store.count("bottles", {"item": "x"})
    assert qdrant_server.indexes["bottles"] == {
        "terms": "keyword",
        "high.n": "float",
        "high.a-2E-22b": "float",
    }
    made = [path for method, path, _ in qdrant_server.requests if method == "PUT" and path.endswith("/index")]
    store.count("bottles", {"n": Range(gte=1), "item": "item 2"})
    assert len(made) == 3
    assert [path for method, path, _ in qdrant_server.requests if path.endswith("/index")] == made


def test_a_key_for_reading_filters_without_an_index(qdrant_server, store):
    filled(store)
    refusing(qdrant_server, 403, ending="/index")
    assert store.count("bottles", {"n": Range(gte=1)}) == 2


def test_other_programs_collections_are_left_alone(qdrant_server, store):
    vectors = models.VectorParams(size=4, distance=models.Distance.COSINE)
    qdrant_server.answer(
        "PUT", "/collections/theirs", models.CreateCollection(vectors=vectors).model_dump_json().encode()
    )
    filled(store)
    assert [info.name for info in store.list_spaces()] == ["bottles"]
    with pytest.raises(SpaceExistsError, match="did not make"):
        store.create_space(SpaceInfo("theirs", "e", 4, FINGERPRINT), exist_ok=True)
    with pytest.raises(NearIdError, match="there are bottles"):
        store.drop_space("theirs")


@pytest.mark.parametrize("name", ["ä b", "a:b", 'q"?*<>|', "%41", ".", "..", "a.b-c_d~e"])
def test_spaces_of_any_name(qdrant_server, store, name):
    filled(store, name=name)
    assert [info.name for info in store.list_spaces()] == [name]
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", *qdrant_server.indexes)
    assert store.info(name).count == 3
    store.drop_space(name)
    assert store.list_spaces() == []


def test_two_clients_annotate_different_attributes(qdrant_on_loopback, store):
    filled(store)
    with open_store(qdrant_on_loopback) as other:
        store.annotate("bottles", {"a": {"deep": None}, "gone": 1})
        other.annotate("bottles", {"b": [1, "ü"], "gone": None})
    assert dict(store.info("bottles").attributes) == {"a": {"deep": None}, "b": [1, "ü"]}


def test_a_space_says_how_it_is_searched(qdrant_server, store):
    filled(store)
    filled(store, name="graph", index="HNSW48")
    store.annotate("graph", {"search_parameters": "efSearch=200"})
    sent = []
    answer = qdrant_server.answer
    qdrant_server.answer = lambda method, path, body: (sent.append((path, body)), answer(method, path, body))[1]
    for name in ("bottles", "graph"):
        store.search(name, np.eye(4, dtype=np.float32)[:1], 1, fingerprint=FINGERPRINT)
    params = [json.loads(body)["searches"][0]["params"] for path, body in sent if path.endswith("query/batch")]
    assert params == [{"exact": True}, {"exact": False, "hnsw_ef": 200}]


def test_points_of_other_programs_are_refused(qdrant_server, store):
    filled(store)
    point = models.PointStruct(id=7, vector=[0.0] * 4, payload={"theirs": 1})
    qdrant_server.client.upsert("bottles", [point])
    with pytest.raises(StoreError, match="did not write"):
        list(store.iterate("bottles"))


# --- a folder, in the process ----------------------------------------------------------------------------------------


def test_a_folder_is_shared_within_the_process_and_closed_by_the_last(tmp_path):
    url = f"qdrant+local:{tmp_path / 'q'}"
    first, second = open_store(url), open_store(f"qdrant+local:{tmp_path}/./q")
    filled(first)
    first.close()
    assert second.count("bottles") == 3
    second.close()
    with open_store(url) as third:
        assert third.count("bottles") == 3


def test_memory_is_not_shared():
    with open_store("qdrant+local::memory:") as one, open_store("qdrant+local::memory:") as other:
        filled(one)
        assert other.list_spaces() == []


def test_another_process_is_told_that_the_folder_is_taken(tmp_path):
    with open_store(f"qdrant+local:{tmp_path / 'q'}") as store:
        filled(store)
        code = f"from util.vector_store import open_store; open_store({store.url!r})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "StoreUnavailableError" in other.stderr
    assert "another process" in other.stderr


@pytest.mark.parametrize("damage", ["meta", "points", "file"])
def test_a_folder_that_is_no_storage_is_said(tmp_path, damage):
    place = tmp_path / "q"
    with open_store(f"qdrant+local:{place}") as store:
        filled(store)
    if damage == "meta":
        (place / "meta.json").write_text("{")
    elif damage == "points":
        with sqlite3.connect(place / "collection/bottles/storage.sqlite") as connection:
            connection.execute("UPDATE points SET point = x'00'")
        connection.close()
    else:
        place = place / "meta.json"
    with pytest.raises(StoreError, match=str(place)):
        open_store(f"qdrant+local:{place}")
