"""Passes requests on to a real server and writes down what it answered, in the format that ``Replay`` plays."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from loopback import LoopbackServer, Reply, Request


class Recorder(LoopbackServer):
    """A proxy on loopback before a router.

    Args:
        root: the router, as ``http://HOST:PORT``.
    """

    def __init__(self, root: str) -> None:
        self.case: list[dict[str, Any]] = []
        self._root = root
        super().__init__()

    def save(self, path: Path) -> None:
        """Writes what was said; neither passwords nor the address of the server are in it."""
        path.write_text(json.dumps(self.case, indent=1, ensure_ascii=False) + "\n")

    def respond(self, request: Request) -> Reply:
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        asked = {
            "method": request.method,
            "path": urlsplit(request.target).path,
            "json": json.loads(request.body) if request.body else None,
        }
        with self.lock:
            response = requests.request(
                request.method, self._root + request.target, headers=headers, data=request.body, timeout=120
            )
            answered = {"status": response.status_code, "json": _anonymous(response)}
            self.case.append({"request": asked, "response": answered})
        kind = response.headers.get("Content-Type", "application/json")
        return Reply(response.status_code, response.content, kind)


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
