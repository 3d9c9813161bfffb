"""A web server that answers what a test tells it to, and remembers what it was asked."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from loopback import LoopbackServer, Reply, Request


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Scripted(LoopbackServer):
    """A server that says what it is told to.

    Attributes:
        answers: (status, JSON or bytes, headers) for each request in turn, or a function of the request; the last one
            stays. With ``None`` the connection breaks.
        asked: what it was asked.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[Asked] = []
        super().__init__()
        self.url = f"http://{self.place}"

    def respond(self, request: Request) -> Reply | None:
        body = json.loads(request.body) if request.body else None
        asked = Asked(request.method, request.target, dict(request.headers), body)
        self.asked.append(asked)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Callable):
            answer = answer(asked)
        if answer is None:
            return None
        status, said, headers = (*answer, {}) if len(answer) == 2 else answer
        return Reply(status, said if isinstance(said, bytes) else json.dumps(said).encode(), headers=headers)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def told(code: str, message: str = "why not", detail: object = None) -> dict[str, Any]:
    """The service's error body."""
    return {"error": {"code": code, "message": message, "detail": detail}}


@pytest.fixture
def error_body() -> Callable[..., dict[str, Any]]:
    return told
