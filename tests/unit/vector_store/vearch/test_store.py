"""Spaces on a cluster that fails, restarts, and has other clients."""

from dataclasses import replace

import numpy as np
import pytest
from vearch_wire import Fault, VearchServer
from vearch_wire.faults import gateway_timeout, unsettled

from util.errors import InvalidInputError, SpaceNotFoundError, StoreError, StoreUnavailableError
from util.records import SpaceInfo
from util.vector_store import open_store as open_any

FINGERPRINT = "f" * 64
SPACE = SpaceInfo("s", "e", 8, FINGERPRINT, recipe="resize=8", attributes={"threshold": 0.5})
CREATE = "/dbs/nearid/spaces"


def test_every_client_sees_what_a_space_is(open_store, fill):
    first, second = open_store(), open_store()
    first.create_space(SPACE)
    assert second.info("s") == first.info("s") == SPACE
    second.annotate("s", {"threshold": 0.75})
    fill(first, 3)
    assert first.info("s").attributes["threshold"] == 0.75
    assert second.count("s") == 3
    second.drop_space("s")
    with pytest.raises(SpaceNotFoundError):
        first.info("s")


def test_an_empty_cluster_is_only_written_to_by_writing(server, store):
    assert store.list_spaces() == []
    with pytest.raises(SpaceNotFoundError, match="the store is empty"):
        store.info("s")
    assert server.cluster.databases == {}


def test_spaces_of_other_programs_are_not_ours(server, store, fill):
    fill(store, 1)
    theirs = {
        "name": "theirs",
        "replica_num": 1,
        "fields": server.cluster.databases["nearid"]["space_s"].body["fields"],
    }
    server.cluster.answer("POST", "/dbs/nearid/spaces", theirs)
    assert [info.name for info in store.list_spaces()] == ["s"]


def test_options_in_the_url_and_in_the_attributes_lay_out_a_space(server, open_store):
    store = open_store("?partitions=2&index=HNSW&nlinks=16&expected=1000000")
    store.create_space(SPACE)
    body = server.cluster.databases["nearid"]["space_s"].body
    assert (body["partition_num"], body["replica_num"]) == (2, 1)
    vector = body["fields"][-1]
    assert vector["index"]["params"] == {"metric_type": "InnerProduct", "nlinks": 16}
    assert vector["store_param"] == {"segment_size": 500_000}
    store.create_space(SpaceInfo("t", "e", 8, FINGERPRINT, attributes={"vearch": {"index": "FLAT", "partitions": 5}}))
    assert server.cluster.databases["nearid"]["space_t"].body["partition_num"] == 5


def test_quantised_vectors_are_asked_through_their_index_alone(server, open_store, fill):
    """Beside them, the scan of Vearch 3.5.9 is wrong, and up to 100 images it scans whatever it is told."""
    store = open_store("?index=IVFPQ&nsubvector=4")
    vectors = fill(store, 3)
    with pytest.raises(StoreError, match=r"before its index is trained.* make the space with HNSW"):
        store.search("s", vectors, 2, fingerprint=FINGERPRINT)
    assert not [path for _, path, _ in server.requests if path.startswith("/document/search")]

    def trained(answer):
        partitions = [part | {"index_status": 2} for part in answer["data"]["partitions"]]
        return answer | {"data": answer["data"] | {"partitions": partitions}}

    server.faults = [Fault("/dbs/nearid/spaces/space_s", spoil=trained, times=2)]
    [found] = store.search("s", vectors[:1], 2, fingerprint=FINGERPRINT, where={"even": True})
    assert found.ids[0] == "0000"
    [asked] = [body for _, path, body in server.requests if path.startswith("/document/search")]
    assert (asked["is_brute_search"], asked["index_params"]["recall_num"]) == (0, 200)


def test_options_that_suit_some_dimension_are_taken(open_store):
    store = open_store("?index=IVFPQ&nsubvector=4")
    assert store.create_space(SPACE).count == 0
    with pytest.raises(InvalidInputError, match="divide the dimension 9"):
        store.create_space(SpaceInfo("t", "e", 9, FINGERPRINT))


def test_wrong_options_are_found_when_the_store_is_opened(server):
    with pytest.raises(InvalidInputError, match="no option 'shards'"):
        open_any(f"{server.url}?shards=3")
    assert server.requests == []


def test_more_replicas_than_servers_are_refused_with_the_way_out(open_store):
    with pytest.raises(StoreError, match=r"not enough partition servers.*\?replicas="):
        open_store("?replicas=2").create_space(SPACE)
    assert open_store().list_spaces() == []


@pytest.mark.parametrize("fault", [gateway_timeout(CREATE, applied=True), Fault(CREATE, status=0, applied=True)])
@pytest.mark.parametrize("nth", [0, 1])
def test_a_lost_answer_to_the_making_of_a_space_does_no_harm(server, store, fault, nth):
    server.faults = [replace(fault, skips=nth)]
    assert store.create_space(SPACE) == SPACE


def test_a_space_whose_making_was_interrupted_is_taken_over(server, open_store, fill):
    store = open_store(timeout=1.5)
    server.faults = [Fault("/document/upsert", times=100)]
    with pytest.raises(StoreUnavailableError):
        store.create_space(SPACE)
    server.faults = []
    assert store.list_spaces() == []
    assert store.create_space(SPACE) == SPACE


def test_a_space_that_the_cluster_made_by_half_is_made_again(server, store, fill):
    fill(store, 1)
    server.cluster.answer("POST", CREATE, server.cluster.databases["nearid"]["space_s"].body | {"name": "space_t"})
    red = {"status": "red", "partitions": None, "errors": ["partition:[15] not found in meta data"]}
    server.faults = [Fault("/dbs/nearid/spaces/space_t", spoil=lambda answer: answer | {"data": answer["data"] | red})]
    store.create_space(SpaceInfo("t", "e", 8, FINGERPRINT))
    assert ("DELETE", "/dbs/nearid/spaces/space_t", None) in server.requests


@pytest.mark.parametrize("dimension", [8, 9])
def test_a_space_that_holds_something_unknown_is_left_alone(server, store, fill, dimension):
    fill(store, 3)
    store._catalogue.remove(store._catalogue.need("s"))
    if dimension == 8:
        with pytest.raises(StoreError, match="'space_s' in database 'nearid' that NearID does not know"):
            store.create_space(SPACE)
    else:
        server.cluster.databases["nearid"]["space_s"].partitions = [{}]
        with pytest.raises(StoreError, match="does not know"):
            store.create_space(SpaceInfo("s", "e", dimension, FINGERPRINT))
    assert "space_s" in server.cluster.databases["nearid"]


def test_a_space_dropped_by_half_can_be_dropped_again_or_made_again(server, open_store, fill):
    store = open_store(timeout=1.5)
    fill(store, 3)
    server.faults = [Fault("/document/delete", times=100)]
    with pytest.raises(StoreUnavailableError):
        store.drop_space("s")
    server.faults = []
    with pytest.raises(StoreError, match="drop it or index again"):
        store.info("s")
    assert store.create_space(SpaceInfo("s", "e", 8, FINGERPRINT), exist_ok=True).count == 0
    store.drop_space("s")
    assert store.list_spaces() == []


def test_a_space_that_the_router_has_not_heard_of_is_waited_for(server, store, fill):
    store.create_space(SPACE)
    server.faults = [unsettled("/document/", times=3)]
    fill(store, 3)
    assert store.count("s") == 3


def test_what_is_away_is_not_counted_as_gone(server, open_store, fill):
    store = open_store(timeout=1.5)
    fill(store, 3)
    away = {"status": "red", "doc_num": 0, "errors": ["partition:[2] has no leader"]}
    lost = Fault("/dbs/nearid/spaces/space_s", spoil=lambda answer: answer | {"data": answer["data"] | away})
    server.faults = [lost]
    assert store.count("s") == 3
    lost.times = 1000
    server.faults = [lost]
    with pytest.raises(StoreUnavailableError, match=r"partition:\[2\] has no leader"):
        store.info("s")


# --- deleting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?partitions=3"])
def test_more_images_than_a_request_takes_are_deleted(open_store, fill, query):
    store = open_store(query)
    fill(store, 1300)
    assert store.delete("s", ids=[f"{n:04}" for n in range(600)] + ["nothing"]) == 600
    assert store.delete("s", where={"even": True}) == 350
    assert store.count("s") == 350


@pytest.mark.parametrize("what", [{"ids": ["0001", "0002"]}, {"where": {"n": [1, 2]}}])
@pytest.mark.parametrize("fault", [gateway_timeout("/document/delete", applied=True), Fault("/document/delete")])
def test_a_delete_whose_answer_is_lost_counts_what_went(server, store, fill, what, fault):
    fill(store, 5)
    server.faults = [fault]
    assert store.delete("s", **what) == 2
    assert store.count("s") == 3


@pytest.mark.parametrize("what", [{"ids": ["0001", "0002"]}, {"where": {"n": [1, 2]}}])
def test_a_partition_that_silently_does_not_delete_is_found_out(server, store, fill, what):
    fill(store, 5)
    server.cluster.refuses = lambda id_, partition: "partition_not_leader" if id_ == "0002" else None
    with pytest.raises(StoreError, match="did not delete .*0002.*delete them again"):
        store.delete("s", **what)
    server.cluster.refuses = lambda id_, partition: None
    assert store.delete("s", **what) == 1


# --- the rest --------------------------------------------------------------------------------------------------------


def test_many_ids_are_asked_for_in_parts(server, store, fill):
    vectors = fill(store, 1200)
    held = store.get("s", [f"{n:04}" for n in range(1200)][::-1])
    np.testing.assert_array_equal(held.vectors, vectors[::-1])
    sizes = [len(b["document_ids"]) for b in server.sent("/document/query") if b["space_name"] == "space_s"]
    assert sizes == [499, 499, 202]


def test_a_document_that_cannot_be_read_is_not_taken_for_missing(server, store, fill):
    fill(store, 2)
    broken = [{"_id": "0000", "code": 143, "msg": "partition_no_leader:"}]
    spoilt = {"code": 0, "data": {"total": 1, "documents": broken}}
    server.faults = [Fault("/document/query", skips=1, spoil=lambda answer: spoilt)]
    with pytest.raises(StoreError, match="partition_no_leader"):
        store.get("s", ["0000"])


def test_refresh_waits_for_the_index(server, open_store, fill):
    store = open_store("?index=HNSW")
    fill(store, 100)
    server.requests.clear()
    store.refresh("s")
    space = server.cluster.databases["nearid"]["space_s"]
    assert space.indexed == space.ever == [100]
    assert len(server.sent("/dbs/nearid/spaces/space_s")) > 1


def test_refresh_gives_up_on_an_index_that_does_not_grow(server, open_store, fill):
    store = open_store("?index=IVFFLAT&ncentroids=16", timeout=1.5)
    fill(store, 10)
    stuck = {"index_num": 0, "max_docid": 9}
    server.faults = [
        Fault(
            "/dbs/nearid/spaces/space_s",
            times=1000,
            spoil=lambda answer: answer | {"data": answer["data"] | {"partitions": [stuck]}},
        )
    ]
    store.refresh("s")
    assert store.search("s", np.eye(8, dtype=np.float32)[:1], 3, fingerprint=FINGERPRINT)[0].ids


def test_a_description_by_a_newer_nearid_is_refused(server, store, fill):
    fill(store, 1)
    document = server.cluster.databases["nearid"]["nearid_spaces"].partitions[0]["s"]
    document["metadata"] = document["metadata"].replace('"format": 1', '"format": 3')
    with pytest.raises(StoreError, match="newer NearID"):
        store.info("s")


def test_a_large_calibration_fits_into_the_description(store):
    store.create_space(SPACE)
    scores = {"scores": [n / 7 for n in range(8000)]}
    assert store.annotate("s", scores).attributes["scores"] == scores["scores"]
    assert store.info("s").attributes["scores"] == scores["scores"]


def test_stores_can_be_shared_by_threads(server, store, fill):
    from concurrent.futures import ThreadPoolExecutor

    vectors = fill(store, 60)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: store.search("s", vectors[n : n + 1], 1, fingerprint=FINGERPRINT), range(60)))
    assert [result[0].ids for result in results] == [(f"{n:04}",) for n in range(60)]


def test_two_servers_do_not_mix(store, fill):
    fill(store, 1)
    other = VearchServer()
    with open_any(other.url) as elsewhere:
        assert elsewhere.list_spaces() == []
    other.stop()
