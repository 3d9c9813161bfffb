"""A web server that answers what a test tells it to, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Scripted:
    """What to answer: (status, JSON or bytes, headers) for each request in turn, or a function of the request."""

    url: str
    answers: list[Any] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length)
            request = Asked(self.command, self.path, dict(self.headers), json.loads(sent) if sent else None)
            script.asked.append(request)
            told = script.answers[0] if len(script.answers) == 1 else script.answers.pop(0)
            if isinstance(told, Callable):
                told = told(request)
            if told is None:  # the connection breaks
                self.connection.close()
                self.close_connection = True
                return
            status, body, headers = (*told, {}) if len(told) == 2 else told
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that no longer waits is part of some tests
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


def told(code: str, message: str = "why not", detail: object = None) -> dict[str, Any]:
    """The service's error body."""
    return {"error": {"code": code, "message": message, "detail": detail}}


@pytest.fixture
def error_body() -> Callable[..., dict[str, Any]]:
    return told
