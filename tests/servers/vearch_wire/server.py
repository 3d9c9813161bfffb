"""A router: sign-in, the envelope of every answer, and faults."""

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import LoopbackServer, Reply, Request

from vearch_wire.cluster import Cluster
from vearch_wire.faults import Fault
from vearch_wire.refusals import RefusedError

DATABASE, USER, PASSWORD = "nearid", "root", "s@cret/ü"


class VearchServer(LoopbackServer):
    """A Vearch router, which keeps what it holds when it is stopped and started again.

    Attributes:
        cluster: what it holds.
        faults: what goes wrong, in this order.
        requests: method, path and JSON of all requests.
    """

    def __init__(self, *, version: str = "v3.5.9", partition_servers: int = 1) -> None:
        self.cluster = Cluster(version, partition_servers)
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, Any]] = []
        super().__init__()

    @property
    def url(self) -> str:
        """URL of a store on it."""
        return f"vearch+http://{USER}:s%40cret%2F%C3%BC@{self.place}/{DATABASE}"

    def sent(self, path: str) -> list[Any]:
        """Bodies of the requests to a path."""
        return [body for _, asked, body in self.requests if asked == path]

    def next_fault(self, path: str) -> Fault | None:
        """The fault that meets a request to a path."""
        with self.lock:
            fault = next((fault for fault in self.faults if fault.meets(path)), None)
            if fault is not None:
                fault.times -= 1
                self.faults = [fault for fault in self.faults if fault.times > 0]
            return fault

    def respond(self, request: Request) -> Reply | None:
        """Answers a request, or does what a fault wants."""
        fault = self.next_fault(urlsplit(request.target).path)
        time.sleep(fault.delay if fault else 0)
        if fault is not None and fault.spoil is None and not fault.applied:
            return _failure(fault)
        status, answer = self._answer(request)
        if fault is None:
            return _reply(status, answer)
        return _reply(status, fault.spoil(answer)) if fault.spoil else _failure(fault)

    def _answer(self, request: Request) -> tuple[int, dict[str, Any] | str]:
        path = urlsplit(request.target).path
        master = not path.startswith("/document/") and path != "/"
        with self.lock:
            try:
                body = json.loads(request.body, parse_constant=_no_constant) if request.body else None
                self.requests.append((request.method, path, body))
                _check(request, body)
                data = self.cluster.answer(request.method, path, body)
            except json.JSONDecodeError as error:
                return 400, {"code": 1, "msg": f"internal_error:{error}"}
            except RefusedError as error:
                # What the master refuses comes through the router with status 200.
                return 200 if master else error.status, {"code": error.code, "msg": error.message}
            except LookupError:
                return 404, "404 page not found"
            return 200, {"code": 0} | ({} if data is None else {"data": data})


def _check(request: Request, body: Any) -> None:
    expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {expected}":
        raise RefusedError(3, "authentication_failed:auth header is empty or wrong", 401)
    query = parse_qs(urlsplit(request.target).query)
    if set(query) - {"timeout", "detail"} or not query.get("timeout", ["1"])[0].isdigit():
        raise RefusedError(6, f"param_error:query {query}", 400)
    if body is not None and request.headers.get("Content-Type") != "application/json":
        raise RefusedError(6, "param_error:content type", 400)


def _failure(fault: Fault) -> Reply | None:
    return _reply(fault.status, fault.body) if fault.status else None


def _reply(status: int, answer: dict[str, Any] | str) -> Reply:
    if isinstance(answer, str):
        return Reply(status, answer.encode(), "text/html")
    return Reply(status, json.dumps(answer).encode())


def _no_constant(name: str) -> None:
    raise RefusedError(1, f"internal_error:{name} is no JSON", 400)
