"""What Vearch answers: data, or an error of NearID.

Vearch says in the body's ``code`` whether it did what was asked. The status of HTTP says nothing: the router passes on
what the master refuses with status 200.
"""

from __future__ import annotations

from typing import Any

import requests

from util.errors import StoreError, StoreUnavailableError

DB_MISSING, DB_EXISTS = 200, 201
SPACE_EXISTS, SPACE_MISSING = 220, 221

ADVICE = "give the address of a Vearch router, port 9001 by default"

_REFUSED_USER = 3
_PARAMETER_ERROR = 6
_GATEWAY = frozenset({502, 503, 504})
# Timeouts, cancelled requests, elections of a leader, a partition server that is away, the layer below. A message
# begins with the name; of a single document the code is always 404.
_PASSING = {
    5: "timeout",
    8: "canceled",
    120: "router_no_ps_client",
    121: "router_call_ps_rpc_err",
    141: "partition_not_exist",
    142: "partition_not_leader",
    143: "partition_no_leader",
    144: "partition_is_invalid",
    145: "partition_is_closed",
    162: "partition_server_memoryexceed",
    700: "service_unavailable",
    703: "create_rpcclient_failed",
    704: "call_rpcclient_failed",
}
# With the code of any internal error: a limit of requests a second; a router that avoids a partition server for half a
# minute after it was away.
# The last: no partition server has registered yet, as in the seconds after a start.
_PASSING_WORDS = ("too frequency", "is faulty", "but only have 0")
_HINTS = {
    "not enough": "open the store with ?replicas=N, N at most the number of partition servers",
    "resource_exhausted": "disk or memory of a partition server has reached Vearch's resource_limit_rate: make room",
}


class VearchError(StoreError):
    """Vearch understood a request and refused it.

    Attributes:
        number: Vearch's own code of the error.
    """

    def __init__(self, number: int, message: str) -> None:
        self.number = number
        super().__init__(message)

    def __reduce__(self) -> tuple[type[VearchError], tuple[int, str]]:
        return type(self), (self.number, str(self))


class PassingError(StoreUnavailableError):
    """Vearch cannot answer now, but may in a moment.

    Attributes:
        settles: whether it is about a space that a part of the cluster may not have heard of yet.
    """

    def __init__(self, message: str, *, settles: bool = False) -> None:
        self.settles = settles
        super().__init__(message)


def data_of(response: requests.Response, server: str) -> Any:
    """The data of an answer; ``None`` where a success has none.

    Args:
        response: the answer.
        server: how messages name the server.

    Raises:
        PassingError: if asking again may help.
        VearchError: if the request was refused.
        StoreUnavailableError: if this is not Vearch, or it does not let us in.
    """
    answer = _json(response)
    if answer is None:
        raise _not_vearch(response, server)
    number, message = answer["code"], str(answer.get("msg", ""))
    if number == 0:
        return answer.get("data")
    if number == _REFUSED_USER or response.status_code == 401:
        raise StoreUnavailableError(f"{server} refuses user or password: {message or 'write them into the URL'}")
    raise refusal(number, message, server, status=response.status_code)


def refusal(number: int, message: str, server: str, *, status: int = 200) -> VearchError | PassingError:
    """The error that a code of Vearch stands for, of a whole request or of one document in it."""
    hint = "".join(f": {hint}" for words, hint in _HINTS.items() if words in message)
    told = f"{server} answers with code {number} ({message or 'no reason given'}){hint}"
    # The master says so of a space that is missing; the router, with this code, of one it has not heard of yet.
    missing = number == _PARAMETER_ERROR and "space_not_exist" in message
    passing = number in _PASSING or message.startswith(tuple(_PASSING.values()))
    if missing or passing or status in _GATEWAY or any(words in message for words in _PASSING_WORDS):
        return PassingError(told, settles=missing)
    return VearchError(number, told)


def _json(response: requests.Response) -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and isinstance(answer.get("code"), int) else None


def _not_vearch(response: requests.Response, server: str) -> StoreUnavailableError:
    kind = response.headers.get("Content-Type", "no type").partition(";")[0]
    told = f"HTTP {response.status_code}, {kind}"
    if response.status_code in _GATEWAY:
        return PassingError(f"{server} cannot be reached behind its gateway ({told})")
    return StoreUnavailableError(f"{server} answers, but not as Vearch does ({told}): {ADVICE}")
