"""Plays a recorded conversation: a list of requests and answers, strictly in order."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

Exchange = dict[str, dict[str, Any]]


def read_case(path: Path) -> list[Exchange]:
    """A case: ``[{"request": {"method", "path", "json"}, "response": {"status", "json"}}, …]``."""
    case = json.loads(path.read_text())
    for exchange in case:
        assert {"method", "path"} <= set(exchange["request"]), f"{path}: a request has a method and a path"
        assert {"status", "json"} <= set(exchange["response"]), f"{path}: a response has a status and json"
    return case


class Replay:
    """A server that answers as it was recorded, and complains of every other request.

    Use as a context manager: leaving it fails if a request differed, or if one was not made.
    """

    def __init__(self, case: list[Exchange]) -> None:
        self._waiting = list(case)
        self._problems: list[str] = []
        self._lock = threading.Lock()
        replay = self

        class Bound(_Handler):
            play = replay._play

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        problems = self._problems or [f"not asked: {exchange['request']}" for exchange in self._waiting]
        assert not problems, problems[0]

    def _play(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        asked = {"method": method, "path": path, "json": body}
        with self._lock:
            if not self._waiting:
                return self._complain(f"one request too many: {asked}")
            exchange = self._waiting.pop(0)
            wanted = {"json": None, **exchange["request"], "path": urlsplit(exchange["request"]["path"]).path}
            if asked != {name: wanted[name] for name in asked}:
                return self._complain(f"asked {asked}, recorded was {wanted}")
            return exchange["response"]["status"], exchange["response"]["json"]

    def _complain(self, problem: str) -> tuple[int, Any]:
        self._problems.append(problem)
        return 500, {"code": 1, "msg": f"internal_error:{problem}"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the tests' output clean."""

    def do_any(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        status, answer = type(self).play(self.command, path, json.loads(text) if text else None)
        content = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PUT = do_any
