"""How often one client may ask."""

from __future__ import annotations

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import Scope

from util.errors import InvalidInputError
from vearch_plugin.errors import RateLimitedError

NO_LIMIT = "none"


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


def _parsed(limit: str) -> RateLimitItem | None:
    if limit.strip().lower() == NO_LIMIT:
        return None
    try:
        return parse(limit)
    except ValueError as error:
        raise InvalidInputError(
            f"cannot read the rate limit {limit!r}: write 10/second, 600/minute or none (NEARID_RATE_LIMIT)"
        ) from error
