import asyncio
import time

import pytest

from util.errors import InvalidInputError
from vearch_plugin.admission import Gate
from vearch_plugin.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    OverloadedError,
    RateLimitedError,
    UnauthorizedError,
)
from vearch_plugin.limited_body import LimitedBody
from vearch_plugin.rate import Rate
from vearch_plugin.security import Keys
from vearch_plugin.serving import check_address

KEY = "a-key-of-some-length"


def scope(*, server="127.0.0.1", client="10.0.0.1", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "server": (server, 4101), "client": (client, 5), "headers": raw, "path": "/v1/spaces"}


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY} "}, {"x_api_key": KEY}],
)
def test_the_key_opens(headers):
    Keys(KEY, allow_anonymous=False).check(scope(server="192.0.2.1", **headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_api_key": ""},
        {"x_api_key": KEY[:-1]},
        {"x_api_key": KEY + "x"},
        {"x_api_key": "ä" * 20},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong", "x_api_key": KEY},
    ],
)
def test_nothing_else_does(headers):
    with pytest.raises(UnauthorizedError) as refused:
        Keys(KEY, allow_anonymous=True).check(scope(**headers))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("server", "anonymous", "allowed"),
    [
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("192.0.2.1", False, False),
        ("0.0.0.0", False, False),
        ("192.0.2.1", True, True),
    ],
)
def test_without_a_key_only_this_machine_is_answered(server, anonymous, allowed):
    keys = Keys(None, allow_anonymous=anonymous)
    if allowed:
        keys.check(scope(server=server))
    else:
        with pytest.raises(UnauthorizedError):
            keys.check(scope(server=server))


@pytest.mark.parametrize(
    ("host", "limits", "allowed"),
    [
        ("127.0.0.1", {}, True),
        ("localhost", {}, True),
        ("0.0.0.0", {}, False),
        ("::", {}, False),
        ("nearid.example.org", {}, False),
        ("0.0.0.0", {"api_key": KEY}, True),
        ("0.0.0.0", {"allow_anonymous": True}, True),
    ],
)
def test_serving_is_open_to_others_only_with_a_key_or_permission(host, limits, allowed):
    from config.settings import ServiceSettings

    settings = ServiceSettings(_env_file=None, **limits)
    if allowed:
        check_address(host, settings)
    else:
        with pytest.raises(InvalidInputError, match="NEARID_API_KEY"):
            check_address(host, settings)


def test_a_client_that_asks_too_often_waits_and_the_others_do_not():
    rate = Rate("3/hour")
    for _ in range(3):
        rate.check(scope(client="a"))
    with pytest.raises(RateLimitedError) as refused:
        rate.check(scope(client="a"))
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 3600
    rate.check(scope(client="b"))


def test_no_rate_limit():
    rate = Rate("none")
    for _ in range(1000):
        rate.check(scope())


def test_a_rate_that_cannot_be_read():
    with pytest.raises(InvalidInputError, match="10/second"):
        Rate("often")


def test_the_gate_lets_in_so_many_and_no_more():
    gate = Gate(2)
    with gate.passed(), gate.passed():
        assert gate.inside == 2
        with pytest.raises(OverloadedError), gate.passed():
            pass
    assert gate.inside == 0
    with gate.passed():
        pass


def parts(*bodies, pause=0.0):
    waiting = list(bodies)

    async def receive():
        await asyncio.sleep(pause)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    return receive


async def read(body):
    read = b""
    while True:
        message = await body.receive()
        read += message["body"]
        if not message["more_body"]:
            return read


def limited(receive, *, most=10, seconds=20.0, **headers):
    return LimitedBody(scope(**headers), receive, most=most, deadline=time.monotonic() + seconds)


def test_a_body_within_the_limits_passes_unchanged():
    assert asyncio.run(read(limited(parts(b"12345", b"", b"67890")))) == b"1234567890"


def test_a_body_is_refused_by_its_declared_length_before_it_is_read():
    for length in ("11", "9" * 30, "9" * 5000):
        with pytest.raises(BodyTooLargeError):
            limited(parts(b""), content_length=length)


def test_a_body_that_declares_no_length_is_refused_at_the_byte_too_many():
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read(limited(parts(b"123456", b"78901"))))


def test_a_body_that_drips_is_given_up():
    with pytest.raises(BodyTooSlowError):
        asyncio.run(read(limited(parts(b"1", b"2", pause=0.2), seconds=0.05)))
