"""What can go wrong between a client and a cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """Something that goes wrong with the next requests to a path.

    Attributes:
        path: beginning of the path; the empty one is every path.
        times: how many requests it meets.
        skips: how many it lets through before.
        applied: whether the request is carried out nevertheless.
        status: of HTTP; with 0 the connection is closed without an answer.
        body: the answer; text is sent as HTML.
        delay: seconds before anything happens.
        spoil: changes the true answer instead of replacing it.
    """

    path: str
    times: int = 1
    applied: bool = False
    status: int = 503
    body: dict[str, Any] | str = "<html>503 Service Temporarily Unavailable</html>"
    delay: float = 0.0
    spoil: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    skips: int = 0

    def meets(self, path: str) -> bool:
        """Whether it is the turn of a request to this path."""
        if not path.startswith(self.path):
            return False
        self.skips -= 1
        return self.skips < 0


def gateway_timeout(path: str, *, applied: bool = False, times: int = 1) -> Fault:
    """The router gave up waiting; what it had passed on may have been done."""
    return Fault(path, times, applied, 504, {"code": 5, "msg": "timeout:context deadline exceeded"})


def unsettled(path: str, times: int = 1) -> Fault:
    """The router has not heard of a new space yet."""
    return Fault(path, times, status=500, body={"code": 6, "msg": "param_error:space_not_exist"})
