"""Requests to the service: kept-alive connections, timeouts, retries where they are safe."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from util.errors import InvalidInputError
from util.service_client.errors import ServiceUnreachableError, error_of, told_error

_LONGEST_WAIT = 30.0
_FIRST_WAIT = 0.25
_BEFORE_WORK = frozenset({"overloaded", "rate_limited"})
"""Refusals that come before anything was done: asking again is safe, whatever was asked."""
_ASK_AGAIN = (429, 503)


class Transport:
    """Asks one service.

    Args:
        url: of the service, such as ``http://localhost:4101``.
        api_key: sent with every request; ``None`` sends none.
        timeout: seconds to wait for a connection, and for an answer.
        retries: how often a request is sent again that the service was too busy for, or that did not reach it.

    Raises:
        InvalidInputError: if the URL is none of http or https, or holds a password.
    """

    def __init__(self, url: str, *, api_key: str | None, timeout: float, retries: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise InvalidInputError("the service's URL is http://HOST:PORT or https://HOST:PORT, and holds no password")
        if not timeout > 0 or retries < 0:
            raise InvalidInputError(f"timeout must be positive and retries 0 or more, not {timeout} and {retries}")
        self.url = url.rstrip("/")
        self._timeout, self._retries = timeout, retries
        self._session = requests.Session()
        if api_key is not None:
            self._session.headers["X-API-Key"] = api_key

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        repeatable: bool = True,
    ) -> Any:
        """One request and its answer.

        Args:
            method: HTTP method.
            path: below the URL.
            json: the body.
            params: of the query string.
            repeatable: whether doing it twice is the same as doing it once, so that it may be sent again when nobody
                knows whether it was done.

        Returns:
            The answer's JSON.

        Raises:
            NearIdError: what the service said; see ``error_of``.
            ServiceUnreachableError: if there is no answer, or no service's.
        """
        attempt = 0
        while True:
            final = attempt == self._retries
            answer = self._send(method, path, json, params, again=repeatable and not final)
            if answer is None:
                wait = _backoff(attempt)
            else:
                body = _json(answer)
                if answer.ok and body is not None:
                    return body
                if final or not _may_repeat(answer.status_code, body, repeatable=repeatable):
                    raise error_of(answer.status_code, body)
                wait = _wait(answer, attempt)
            time.sleep(wait)
            attempt += 1

    def status(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a question that may be answered with no; not repeated.

        Raises:
            ServiceUnreachableError: if there is no answer.
        """
        try:
            answer = self._session.get(self.url + path, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise ServiceUnreachableError(f"{self.url} cannot be reached: is the service running?") from error
        return answer.status_code, _json(answer)

    def close(self) -> None:
        """Lets go of the connections."""
        self._session.close()

    def _send(
        self, method: str, path: str, json: Mapping[str, Any] | None, params: Mapping[str, Any] | None, *, again: bool
    ) -> requests.Response | None:
        """One attempt; ``None`` where the connection broke and another attempt may follow."""
        try:
            return self._session.request(
                method, self.url + path, json=json, params=params, timeout=self._timeout, allow_redirects=False
            )
        except requests.Timeout as error:
            raise ServiceUnreachableError(f"{self.url} did not answer within {self._timeout:g} s") from error
        except requests.ConnectionError as error:
            if again:
                return None
            raise ServiceUnreachableError(f"{self.url} cannot be reached: is the service running?") from error
        except requests.RequestException as error:
            raise ServiceUnreachableError(f"{self.url} cannot be asked ({type(error).__name__})") from error


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _may_repeat(status: int, body: object, *, repeatable: bool) -> bool:
    if status not in _ASK_AGAIN:
        return False
    told = told_error(body)
    return repeatable or (told is not None and told.get("code") in _BEFORE_WORK)


def _wait(answer: requests.Response, attempt: int) -> float:
    """Seconds until the next attempt: what the service asks for, and a little more so that not all come at once."""
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return min(float(asked), _LONGEST_WAIT) * random.uniform(1.0, 1.25)  # noqa: S311 - spreads load, no secret
    return _backoff(attempt)


def _backoff(attempt: int) -> float:
    return float(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))  # noqa: S311 - likewise
