"""Requests are repeated where that is safe, wait as long as they are told to, and say what went wrong."""

import pytest

from util.errors import InvalidInputError, SpaceNotFoundError
from util.service_client import transport
from util.service_client.errors import ServiceRefusedError, ServiceUnreachableError
from util.service_client.transport import Transport

OK = (200, {"done": True})


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited, without waiting them."""
    waited = []
    monkeypatch.setattr(transport.time, "sleep", waited.append)
    return waited


@pytest.fixture
def ask(scripted):
    opened = []

    def make(**options):
        made = Transport(scripted.url, **{"api_key": None, "timeout": 5, "retries": 3, **options})
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()


def test_an_answer(scripted, ask):
    scripted.answers = [OK]
    assert ask(api_key="a key").call("POST", "/v1/x", json={"a": 1}, params={"b": 2}) == {"done": True}
    [asked] = scripted.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/x?b=2", {"a": 1})
    assert asked.headers["X-API-Key"] == "a key"


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_asked_to_wait_waits_and_asks_again(scripted, ask, waits, error_body, status):
    scripted.answers = [(status, error_body("overloaded"), {"Retry-After": "7"})] * 2 + [OK]
    assert ask().call("POST", "/v1/x") == {"done": True}
    assert len(waits) == 2
    assert all(7 <= seconds <= 7 * 1.25 for seconds in waits)


def test_no_wait_is_longer_than_half_a_minute_or_so(scripted, ask, waits, error_body):
    scripted.answers = [(503, error_body("overloaded"), {"Retry-After": "86400"}), OK]
    ask().call("GET", "/v1/x")
    assert waits[0] <= 30 * 1.25


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}])
def test_without_a_number_of_seconds_the_waits_grow(scripted, ask, waits, error_body, headers):
    scripted.answers = [(503, error_body("unavailable"), headers)]
    with pytest.raises(ServiceRefusedError, match="why not"):
        ask(retries=6).call("GET", "/v1/x")
    assert len(scripted.asked) == 7
    assert 0 < waits[0] <= 0.25 < waits[3] < waits[5] <= 8


def test_it_ends_with_what_the_service_said(scripted, ask, waits, error_body):
    scripted.answers = [(503, error_body("overloaded", "64 requests are in work"), {"Retry-After": "1"})]
    with pytest.raises(ServiceRefusedError, match="64 requests are in work") as caught:
        ask(retries=2).call("GET", "/v1/x")
    assert (caught.value.status, caught.value.service_code) == (503, "overloaded")
    assert len(scripted.asked) == 3


def test_what_may_be_done_already_is_not_done_again(scripted, ask, waits, error_body):
    scripted.answers = [(503, error_body("deadline_exceeded"), {"Retry-After": "1"})]
    with pytest.raises(ServiceRefusedError):
        ask().call("POST", "/v1/spaces/x", repeatable=False)
    scripted.answers = [None]
    with pytest.raises(ServiceUnreachableError):
        ask().call("POST", "/v1/spaces/x", repeatable=False)
    assert len(scripted.asked) == 2
    assert waits == []


def test_what_was_turned_away_at_the_door_is_always_asked_again(scripted, ask, waits, error_body):
    scripted.answers = [(503, error_body("overloaded"), {"Retry-After": "1"}), OK]
    assert ask().call("POST", "/v1/spaces/x", repeatable=False) == {"done": True}


def test_a_broken_connection_is_made_again(scripted, ask, waits):
    scripted.answers = [None, OK]
    assert ask().call("POST", "/v1/x", json={}) == {"done": True}


@pytest.mark.parametrize("status", [400, 404, 409, 500, 502])
def test_a_plain_no_is_not_asked_again(scripted, ask, waits, error_body, status):
    scripted.answers = [(status, error_body("space_not_found", "no space named 'milk'"))]
    with pytest.raises(SpaceNotFoundError, match="no space named 'milk'"):
        ask().call("GET", "/v1/x")
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    "answer", [(200, b"<html>hello</html>"), (502, b"Bad Gateway"), (404, {"detail": "Not Found"}), (200, b"")]
)
def test_what_is_no_service_is_told_so(scripted, ask, answer):
    scripted.answers = [answer]
    with pytest.raises(ServiceUnreachableError, match="is this the service's URL"):
        ask().call("GET", "/v1/x")


def test_the_key_is_not_sent_on_to_another_place(scripted, ask):
    scripted.answers = [(307, b"", {"Location": "http://127.0.0.1:1/elsewhere"})]
    with pytest.raises(ServiceUnreachableError):
        ask(api_key="a key").call("GET", "/v1/x")
    assert len(scripted.asked) == 1


def test_who_does_not_answer_in_time(scripted, ask):
    import time

    scripted.answers = [lambda asked: time.sleep(0.5) or OK]
    with pytest.raises(ServiceUnreachableError, match=r"did not answer within 0.1 s"):
        ask(timeout=0.1).call("GET", "/v1/x")
    assert len(scripted.asked) == 1, "it may still be at work: asking again would make it worse"


def test_nobody_there(waits):
    made = Transport("http://127.0.0.1:9", api_key=None, timeout=1, retries=2)
    with pytest.raises(ServiceUnreachableError, match="is the service running"):
        made.call("GET", "/v1/x")
    assert len(waits) == 2


@pytest.mark.parametrize("url", ["localhost:4101", "ftp://localhost", "http://", "http://user:secret@localhost"])
def test_urls_that_are_none(url):
    with pytest.raises(InvalidInputError, match="http://HOST:PORT") as caught:
        Transport(url, api_key=None, timeout=1, retries=0)
    assert "secret" not in str(caught.value)
