"""Passes requests on to a real server and writes down what it answered, in the format that ``Replay`` plays."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import requests


class Recorder:
    """A proxy on loopback before a router.

    Args:
        root: the router, as ``http://HOST:PORT``.
    """

    def __init__(self, root: str) -> None:
        self.case: list[dict[str, Any]] = []
        self._root = root
        self._lock = threading.Lock()
        recorder = self

        class Bound(_Handler):
            passed_on = recorder._passed_on

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def save(self, path: Path) -> None:
        """Writes what was said; neither passwords nor the address of the server are in it."""
        path.write_text(json.dumps(self.case, indent=1, ensure_ascii=False) + "\n")

    def _passed_on(self, method: str, target: str, headers: dict[str, str], body: bytes) -> requests.Response:
        with self._lock:
            response = requests.request(method, self._root + target, headers=headers, data=body, timeout=120)
            request = {"method": method, "path": urlsplit(target).path, "json": json.loads(body) if body else None}
            self.case.append(
                {"request": request, "response": {"status": response.status_code, "json": _anonymous(response)}}
            )
            return response


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the terminal clean."""

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        response = type(self).passed_on(self.command, self.path, kept, body)
        self.send_response(response.status_code)
        self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    do_GET = do_POST = do_DELETE = do_PUT = do_any


def _anonymous(response: requests.Response) -> Any:
    """The JSON of an answer; what is no JSON as text; addresses of machines left out."""
    try:
        answer = response.json()
    except ValueError:
        return response.text
    for partition in _partitions(answer):
        partition.pop("ip", None)
    return answer


def _partitions(answer: Any) -> list[dict[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) else None
    listed = data.get("partitions") if isinstance(data, dict) else None
    return listed if isinstance(listed, list) else []
