"""Plays a recorded conversation: a list of requests and answers, strictly in order."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loopback import LoopbackServer, Reply, Request

Exchange = dict[str, dict[str, Any]]


def read_case(path: Path) -> list[Exchange]:
    """A case: ``[{"request": {"method", "path", "json"}, "response": {"status", "json"}}, …]``."""
    case = json.loads(path.read_text())
    for exchange in case:
        assert {"method", "path"} <= set(exchange["request"]), f"{path}: a request has a method and a path"
        assert {"status", "json"} <= set(exchange["response"]), f"{path}: a response has a status and json"
    return case


class Replay(LoopbackServer):
    """A server that answers as it was recorded, and complains of every other request.

    Use as a context manager: leaving it fails if a request differed, or if one was not made.
    """

    def __init__(self, case: list[Exchange]) -> None:
        self._waiting = list(case)
        self._problems: list[str] = []
        super().__init__()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        super().__exit__(kind, error, trace)
        problems = self._problems or [f"not asked: {exchange['request']}" for exchange in self._waiting]
        assert not problems, problems[0]

    def respond(self, request: Request) -> Reply:
        body = json.loads(request.body) if request.body else None
        status, answer = self._play({"method": request.method, "path": urlsplit(request.target).path, "json": body})
        return Reply(status, json.dumps(answer).encode() if answer is not None else b"")

    def _play(self, asked: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
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
