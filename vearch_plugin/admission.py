"""What happens to a request before the application sees it.

The key, the rate, the number of requests in work, the size and speed of the body: all of it is decided before a body
is read, so that a stranger, or one too many, costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from vearch_plugin.error_answers import error_response
from vearch_plugin.errors import OverloadedError, ServiceError
from vearch_plugin.limited_body import LimitedBody
from vearch_plugin.rate import Rate
from vearch_plugin.security import Keys

if TYPE_CHECKING:
    from vearch_plugin.service import Service

OPEN_PATHS = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
"""Paths that need no key, and answer however busy the service is."""


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


class AdmissionMiddleware:
    """Lets requests in, or answers for the application why not."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        limits = service.limits
        key = limits.api_key.get_secret_value() if limits.api_key is not None else None
        self._app, self._service, self._limits = app, service, limits
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
            body = LimitedBody(scope, receive, most=self._limits.max_upload_bytes, deadline=self._service.deadline())
            with self._service.gate.passed():
                await self._app(scope, body.receive, send)
        except ServiceError as error:
            self._service.metrics.refused.labels(error.code).inc()
            await error_response(scope, error)(scope, receive, send)
