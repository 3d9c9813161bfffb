"""The body of a request, refused while it is read if it is too large or too slow."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from vearch_plugin.errors import BodyTooLargeError, BodyTooSlowError

_MOST_DIGITS = 18  # of a length; Python refuses to read very long numbers


class LimitedBody:
    """Stands between a route and its body.

    Args:
        scope: of the request.
        receive: gives the next part of the body.
        most: bytes it may have.
        deadline: until when it must be complete, on the clock of ``time.monotonic``.

    Raises:
        BodyTooLargeError: if it is declared to be larger.
    """

    def __init__(self, scope: Scope, receive: Receive, *, most: int, deadline: float) -> None:
        self._receive, self._most, self._deadline = receive, most, deadline
        self._read = 0
        self._complete = False
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MOST_DIGITS or int(declared) > most):
            raise self._too_large()

    async def receive(self) -> Message:
        """The next part.

        Raises:
            BodyTooLargeError, BodyTooSlowError: if a limit is exceeded.
        """
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlowError("the body did not arrive in time: send less, or over a faster connection") from None
        self._read += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._read > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(f"the body is over the limit of {self._most:,} bytes: send fewer or smaller images")
