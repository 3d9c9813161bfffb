"""HTTP on loopback: routing, sign-in, the envelope of every answer, and faults."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vearch_wire.cluster import Cluster
from vearch_wire.faults import Fault
from vearch_wire.refusals import RefusedError

DATABASE, USER, PASSWORD = "nearid", "root", "s@cret/ü"


class VearchServer:
    """A Vearch router on a free port, which keeps what it holds when it is stopped and started again.

    Attributes:
        cluster: what it holds.
        faults: what goes wrong, in this order.
        requests: method, path and JSON of all requests.
        connections: how many were made.
    """

    def __init__(self, *, version: str = "v3.5.9", partition_servers: int = 1) -> None:
        self.cluster = Cluster(version, partition_servers)
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.connections = 0
        self.lock = threading.Lock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """URL of a store on it."""
        return f"vearch+http://{USER}:s%40cret%2F%C3%BC@{self.place}/{DATABASE}"

    def start(self) -> None:
        """Listens, on the same port as before."""
        server = self

        class Bound(Handler):
            vearch = server

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Bound)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

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


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece: two small ones would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    vearch: VearchServer

    def setup(self) -> None:
        super().setup()
        self.vearch.connections += 1

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the tests' output clean."""

    def do_any(self) -> None:
        """Answers a request."""
        if self.vearch._server is None:
            self.close_connection = True  # a kept connection to a server that is down
            return None
        url = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        fault = self.vearch.next_fault(url.path)
        time.sleep(fault.delay if fault else 0)
        if fault is not None and fault.spoil is None and not fault.applied:
            return self._fail(fault)
        status, answer = self._answer(url.path, parse_qs(url.query), text)
        if fault is None:
            return self._reply(status, answer)
        return self._reply(status, fault.spoil(answer)) if fault.spoil else self._fail(fault)

    do_GET = do_POST = do_DELETE = do_PUT = do_any

    def _answer(self, path: str, query: dict[str, list[str]], text: str) -> tuple[int, dict[str, Any] | str]:
        with self.vearch.lock:
            master = not path.startswith("/document/") and path != "/"
            try:
                body = json.loads(text, parse_constant=_no_constant) if text else None
                self.vearch.requests.append((self.command, path, body))
                self._check(query, body)
                data = self.vearch.cluster.answer(self.command, path, body)
            except json.JSONDecodeError as error:
                return 400, {"code": 1, "msg": f"internal_error:{error}"}
            except RefusedError as error:
                # What the master refuses comes through the router with status 200.
                return 200 if master else error.status, {"code": error.code, "msg": error.message}
            except LookupError:
                return 404, "404 page not found"
            return 200, {"code": 0} | ({} if data is None else {"data": data})

    def _check(self, query: dict[str, list[str]], body: Any) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            raise RefusedError(3, "authentication_failed:auth header is empty or wrong", 401)
        if set(query) - {"timeout", "detail"} or not query.get("timeout", ["1"])[0].isdigit():
            raise RefusedError(6, f"param_error:query {query}", 400)
        if body is not None and self.headers.get("Content-Type") != "application/json":
            raise RefusedError(6, "param_error:content type", 400)

    def _fail(self, fault: Fault) -> None:
        if fault.status:
            return self._reply(fault.status, fault.body)
        self.close_connection = True
        return None

    def _reply(self, status: int, answer: dict[str, Any] | str) -> None:
        kind = "text/html" if isinstance(answer, str) else "application/json"
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client has gone


def _no_constant(name: str) -> None:
    raise RefusedError(1, f"internal_error:{name} is no JSON", 400)
