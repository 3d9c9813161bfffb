"""HTTP on loopback: what the servers that tests talk to have in common."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Request:
    """What a client asks: ``target`` is the path with its query, as it was sent."""

    method: str
    target: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What it is answered; ``headers`` come besides, or in place of, those of the content."""

    status: int
    content: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class LoopbackServer:
    """Listens on a free port from the moment it is made, with a thread for each connection.

    Derive from it, say in ``respond`` what is answered, and call ``__init__`` last: requests may come at once.

    Attributes:
        connections: how many were made.
        lock: for what requests share.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.lock = threading.RLock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def respond(self, request: Request) -> Reply | None:
        """The answer to a request; with ``None`` the connection is closed without one."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listens, on the same port as before."""
        owner = self

        class Bound(_Handler):
            loopback = owner

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

    @property
    def listening(self) -> bool:
        """Whether it takes requests."""
        return self._server is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece: two small ones would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    loopback: LoopbackServer

    def setup(self) -> None:
        super().setup()
        with self.loopback.lock:
            self.loopback.connections += 1

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the tests' output clean."""

    def do_any(self) -> None:
        if not self.loopback.listening:
            self.close_connection = True  # a kept connection to a server that is down
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.loopback.respond(Request(self.command, self.path, self.headers, body))
        if reply is None:
            self.close_connection = True
            return
        try:
            self.send_response(reply.status)
            own = {"Content-Type": reply.kind, "Content-Length": str(len(reply.content))}
            for name, value in {**own, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content)
        except OSError:
            self.close_connection = True  # the client has gone

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any
