"""Who is let in: the key, the rate, the number of requests in work, the size and speed of the body.

All of it is decided before a body is read, so that a stranger, or one too many, costs nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from util.errors import InvalidInputError
from vearch_plugin.error_answers import error_response
from vearch_plugin.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    OverloadedError,
    RateLimitedError,
    ServiceError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from vearch_plugin.service import Service

OPEN_PATHS = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
"""Paths that need no key, and answer however busy the service is."""

NO_LIMIT = "none"

_MOST_DIGITS = 18  # of a length; Python refuses to read very long numbers


class Gate:
    """Counts the requests in work and lets in no more than so many; used on the event loop only.

    Args:
        most: requests in work at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.inside = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Inside for as long as the context lasts.

        Raises:
            OverloadedError: if there is no room.
        """
        if self.inside >= self._most:
            raise OverloadedError(f"{self._most} requests are in work, as many as are taken: ask again in a moment")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Keys:
    """Says who may ask.

    Args:
        api_key: what requests must carry as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``; ``None`` asks none.
        allow_anonymous: whether, without a key, requests are taken from beyond this machine.
    """

    def __init__(self, api_key: str | None, *, allow_anonymous: bool) -> None:
        self._key = api_key.encode() if api_key is not None else None
        self._allow_anonymous = allow_anonymous

    def check(self, scope: Scope) -> None:
        """Refuses who must not ask.

        Raises:
            UnauthorizedError: if the key is missing or wrong, or there is none and the service is not on loopback.
        """
        if self._key is None:
            self._check_loopback(scope)
        elif not hmac.compare_digest(_presented_key(Headers(scope=scope)).encode(), self._key):
            raise UnauthorizedError("the API key is missing or wrong: send it as X-API-Key or Authorization: Bearer")

    def _check_loopback(self, scope: Scope) -> None:
        server = scope.get("server") or ("", None)
        if not self._allow_anonymous and not is_loopback(str(server[0]), unknown=True):
            raise UnauthorizedError("without an API key the service answers on this machine only: set NEARID_API_KEY")


def is_loopback(host: str, *, unknown: bool = False) -> bool:
    """Whether an address leads to this machine only.

    Args:
        host: a host name or an IP address.
        unknown: the answer for what is neither ``localhost`` nor an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return unknown


class Rate:
    """How often one client may ask.

    Args:
        limit: in the notation of the ``limits`` library, such as ``100/second``; ``none`` for no limit.

    Raises:
        InvalidInputError: if the limit is written otherwise.
    """

    def __init__(self, limit: str) -> None:
        self._limit = _parsed(limit)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check(self, scope: Scope) -> None:
        """Counts a request of a client, who is known by its address.

        Raises:
            RateLimitedError: if it asks too often.
        """
        client = (scope.get("client") or ("",))[0]
        if self._limit is None or self._limiter.hit(self._limit, str(client)):
            return
        reset = self._limiter.get_window_stats(self._limit, str(client)).reset_time
        seconds = max(1, round(reset - time.time()))
        raise RateLimitedError(
            f"more than {self._limit} requests: ask again in {seconds} s", headers={"Retry-After": str(seconds)}
        )


class AdmissionMiddleware:
    """Lets requests in, or answers for the application why not."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        limits = service.limits
        key = limits.api_key.get_secret_value() if limits.api_key is not None else None
        self._app, self._service = app, service
        self._keys = Keys(key, allow_anonymous=limits.allow_anonymous)
        self._rate = Rate(limits.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            self._rate.check(scope)
            self._keys.check(scope)
            body = _Body(scope, receive, self._service)
            with self._service.gate.passed():
                await self._app(scope, body.receive, send)
        except ServiceError as error:
            self._service.metrics.refused.labels(error.code).inc()
            await error_response(scope, error)(scope, receive, send)


class _Body:
    """The body of a request, within limits of size and time."""

    def __init__(self, scope: Scope, receive: Receive, service: Service) -> None:
        self._receive = receive
        self._most = service.limits.max_upload_bytes
        self._deadline = service.deadline()
        self._read = 0
        self._complete = False
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MOST_DIGITS or int(declared) > self._most):
            raise self._too_large()
