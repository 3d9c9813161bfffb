"""Writing: bounded requests, and nothing counted as written that was not confirmed."""

import json
import pickle

import numpy as np
import pytest
from vearch_wire import Fault
from vearch_wire.faults import gateway_timeout, unsettled

from util.errors import PartialWriteError, StoreError, StoreUnavailableError
from util.vector_store.vearch.answers import VearchError

UPSERT = "/document/upsert"
QUOTA = "partition_resource_exhausted:disk space not enough"


def stored(store) -> set[str]:
    return {id_ for batch in store.iterate("s") for id_ in batch.ids}


def upserts(server) -> list[list[dict]]:
    return [body["documents"] for body in server.sent(UPSERT) if body["space_name"] == "space_s"]


def test_requests_hold_many_documents(server, store, fill):
    fill(store, 2000)
    assert [len(documents) for documents in upserts(server)] == [500] * 4


def test_requests_are_bounded_in_documents_and_bytes(server, open_store, fill):
    fill(open_store(most_documents=7), 20)
    assert [len(documents) for documents in upserts(server)] == [7, 7, 6]
    server.requests.clear()
    fill(open_store(most_bytes=10_000), 100)
    sizes = [len(json.dumps(documents)) for documents in upserts(server)]
    assert len(sizes) > 3
    assert max(sizes) < 10_500
    server.requests.clear()
    fill(open_store(most_bytes=1), 3)
    assert [len(documents) for documents in upserts(server)] == [1, 1, 1]


def test_every_document_carries_all_fields(server, store, fill):
    fill(store, 3)
    keys = {frozenset(document) for documents in upserts(server) for document in documents}
    assert keys == {frozenset({"_id", "metadata", "metadata_1", "metadata_2", "metadata_3", "terms", "slot", "vector"})}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(UPSERT, times=2),
        Fault(UPSERT, status=0),
        Fault(UPSERT, status=0, applied=True),
        gateway_timeout(UPSERT),
        gateway_timeout(UPSERT, applied=True, times=2),
        unsettled(UPSERT, times=3),
    ],
)
def test_a_request_that_failed_in_passing_leaves_no_trace(server, open_store, fill, fault):
    store = open_store()
    fill(store, 1)
    server.faults = [fault]
    fill(store, 30)
    assert store.count("s") == 30
    assert stored(store) == {f"{n:04}" for n in range(30)}


def test_documents_that_a_partition_could_not_take_for_the_moment_are_sent_again(server, open_store, fill):
    store = open_store("?partitions=3")
    fill(store, 1)
    left = [40]

    def refuses(id_: str, partition: int) -> str | None:
        left[0] -= 1
        return "partition_not_leader" if partition == 1 and left[0] > 0 else None

    server.cluster.refuses = refuses
    server.requests.clear()
    fill(store, 60)
    assert store.count("s") == 60
    first, *again = upserts(server)
    assert len(first) == 60
    assert again
    assert all(len(documents) < 30 for documents in again), "only what was refused is sent again"


def test_a_full_disk_half_way_is_told_apart(server, open_store, fill):
    store = open_store(most_documents=10)
    fill(store, 1)
    server.cluster.refuses = lambda id_, partition: QUOTA if id_ >= "0025" else None
    with pytest.raises(PartialWriteError, match=r"25 of 50 images .* \('0025': .*disk space.*make room") as error:
        fill(store, 50)
    assert set(error.value.confirmed) == stored(store) == {f"{n:04}" for n in range(25)}
    assert set(error.value.unconfirmed) == {f"{n:04}" for n in range(25, 50)}
    assert "\n" not in str(error.value)
    server.cluster.refuses = lambda id_, partition: None
    fill(store, 50)
    assert store.count("s") == 50


def test_a_full_disk_from_the_start_is_one_plain_error(server, store, fill):
    fill(store, 1)
    server.cluster.refuses = lambda id_, partition: QUOTA
    with pytest.raises(VearchError, match="disk space not enough") as error:
        fill(store, 20)
    assert error.value.number == 404, "Vearch's code of any refused document"
    assert len(upserts(server)) == 2, "not repeated"


def test_a_server_that_goes_away_half_way_is_told_apart(server, open_store, fill):
    store = open_store(most_documents=10, timeout=1.5)
    fill(store, 1)
    server.faults = [Fault(UPSERT, skips=2, times=1000, status=0)]
    with pytest.raises(PartialWriteError, match="20 of 50 images") as error:
        fill(store, 50)
    assert isinstance(error.value.__cause__, StoreUnavailableError)
    server.faults = []
    assert set(error.value.confirmed) == stored(store)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data | {"document_ids": data["document_ids"][:-1]}, id="one is not mentioned"),
        pytest.param(lambda data: data | {"document_ids": None}, id="none is mentioned"),
        pytest.param(lambda data: data | {"total": 3}, id="fewer than are mentioned"),
        pytest.param(lambda data: data | {"document_ids": data["document_ids"][::-1]}, id="mentioned in disorder"),
    ],
)
def test_what_is_not_confirmed_is_not_written(server, store, fill, spoil):
    fill(store, 1)
    server.faults = [Fault(UPSERT, spoil=lambda answer: answer | {"data": spoil(answer["data"])})]
    with pytest.raises(StoreError):
        fill(store, 4)


def test_a_document_that_the_engine_refuses_names_itself(server, store, fill):
    fill(store, 1)
    server.cluster.refuses = lambda id_, partition: (
        "internal_error:add doc failed, err code -5" if id_ == "0002" else None
    )
    with pytest.raises(PartialWriteError, match="'0002': .*err code -5") as error:
        fill(store, 4)
    assert error.value.unconfirmed == ("0002",)
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.confirmed) == (str(error.value), error.value.confirmed)


def test_vectors_reach_the_server_unchanged(server, store, fill):
    vectors = fill(store, 5, dimension=33)
    (documents,) = upserts(server)
    sent = np.array([document["vector"] for document in documents], dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(sent, vectors)
