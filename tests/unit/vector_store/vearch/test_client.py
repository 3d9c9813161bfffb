"""The way to the server: what is repeated, what is refused, what is said."""

import time

import pytest
from vearch_wire import Fault, VearchServer
from vearch_wire.faults import gateway_timeout, unsettled

from util.errors import StoreError, StoreUnavailableError
from util.vector_store import open_store as open_any
from util.vector_store.vearch.answers import VearchError
from util.vector_store.vearch.client import VearchClient
from util.vector_store.vearch.location import parse_location


@pytest.fixture
def client(server):
    client = VearchClient(parse_location(server.url), timeout=2)
    yield client
    client.close()


PASSING = [
    Fault("/"),
    Fault("/", status=502, body="<html>Bad Gateway</html>"),
    Fault("/", status=0),
    Fault("/", status=0, applied=True),
    gateway_timeout("/"),
    gateway_timeout("/", applied=True),
    unsettled("/"),
    Fault("/", status=500, body={"code": 143, "msg": "partition_no_leader:election"}),
    Fault("/", status=500, body={"code": 1, "msg": "internal_error:document write request too frequency"}),
    Fault("/", status=422, body={"code": 704, "msg": "call_rpcclient_failed:dial tcp: connection refused"}),
    Fault("/", status=422, body={"code": 1, "msg": "internal_error:nodeID 1 partitionID: 4 is faulty, replica_num=1"}),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.status} {fault.applied} {fault.body}"[:40])
def test_what_fails_in_passing_is_asked_again(server, client, fault):
    server.faults = [fault]
    assert client.send("GET", "/")["name"] == "vearch"


def test_what_does_not_pass_is_given_up_in_time(server):
    server.faults = [Fault("/", times=1000)]
    client = VearchClient(parse_location(server.url), timeout=0.5)
    with pytest.raises(StoreUnavailableError, match=f"Vearch at {server.place} .*gateway.*503"):
        client.send("GET", "/")
    assert 2 <= len([1 for fault in server.faults for _ in range(1000 - fault.times)]) <= 20, "pauses grow"


def test_what_vearch_refuses_is_not_asked_again(server, client):
    with pytest.raises(VearchError, match="code 200 .*db_not_exist") as refusal:
        client.send("GET", "/dbs/nowhere/spaces/s")
    assert refusal.value.number == 200
    assert len(server.requests) == 1


def test_a_slow_answer_is_waited_for_and_a_slower_one_is_not(server):
    client = VearchClient(parse_location(server.url), timeout=1)
    server.faults = [Fault("/", delay=0.3, spoil=lambda answer: answer)]
    assert client.send("GET", "/")["name"] == "vearch"
    server.faults = [Fault("/", delay=3)]
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer within"):
        client.send("GET", "/")
    assert time.monotonic() - started < 2.5


def test_a_server_that_restarts_is_waited_for(server, client):
    client.send("GET", "/")
    server.stop()
    import threading

    threading.Timer(0.3, server.start).start()
    assert client.send("GET", "/")["name"] == "vearch"


def test_connections_are_kept(server, client):
    for _ in range(20):
        client.send("GET", "/")
    assert server.connections == 1


def test_the_server_is_told_to_give_up_before_the_client(server, client):
    client.send("POST", "/dbs/d")
    client.close()
    with pytest.raises(StoreError, match="closed"):
        client.send("GET", "/")


# --- opening ---------------------------------------------------------------------------------------------------------


def test_the_version_is_asked_for_once_and_said(server, open_store):
    store = open_store()
    store.list_spaces()
    assert store.server_version == "v3.5.9"
    assert [path for _, path, _ in server.requests].count("/") == 1


@pytest.mark.parametrize("version", ["v3.5.8", "3.5.8", "v3.6.0", "v4", "3.10.1-rc1", "v3.5.9-20-gabc", "", "master"])
def test_newer_and_nameless_versions_are_taken(version):
    server = VearchServer(version=version)
    open_any(server.url).close()
    server.stop()


@pytest.mark.parametrize("version", ["v3.5.7", "3.4.4", "v3.2.7", "2.9.9"])
def test_an_older_version_is_refused_by_its_name(version):
    server = VearchServer(version=version)
    with pytest.raises(StoreUnavailableError, match=f"is version {version}, and 3.5.8 or newer is needed"):
        open_any(server.url)
    server.stop()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/", status=200, body="<html>Welcome to nginx!</html>"),
        Fault("/", status=404, body="404 page not found"),
        Fault("/", status=200, body={"name": "es", "version": {"number": "7"}}),
        Fault("/", status=200, body={"code": 0, "data": ["something else"]}),
    ],
)
def test_what_is_not_vearch_is_said_to_be_something_else(server, fault):
    server.faults = [fault]
    with pytest.raises(StoreUnavailableError, match="not as Vearch does.*9001"):
        open_any(server.url)


@pytest.mark.parametrize("signed_in", ["root:wrong@", ""])
def test_a_wrong_password_is_refused_and_not_repeated(server, signed_in):
    url = f"vearch+http://{signed_in}{server.place}/nearid"
    with pytest.raises(StoreUnavailableError, match="refuses user or password") as refusal:
        open_any(url)
    assert "wrong" not in str(refusal.value).replace("header is empty or wrong", "")


def test_nothing_that_is_shown_holds_the_password(server, open_store):
    store = open_store()
    shown = f"{store.url} {store!r} {vars(store)!r}"
    server.stop()
    with pytest.raises(StoreUnavailableError) as error:
        store._client.send("GET", "/", patience=0.2)
    for text in (shown, str(error.value), repr(error.value.__cause__)):
        assert "s@cret" not in text
        assert "s%40cret" not in text
    assert store.url == f"vearch+http://root@{server.place}/nearid"


def test_a_server_that_is_not_there_is_named_with_the_reason(server):
    server.stop()
    with pytest.raises(StoreUnavailableError, match=f"Vearch at {server.place} cannot be reached .*refused"):
        open_any(server.url, timeout=0.3)


def test_proxies_of_the_environment_are_left_alone(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    open_any(server.url, timeout=1).close()
