"""What the Qdrant client raises, as NearID's errors."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from util.errors import StoreError, StoreUnavailableError

FORBIDDEN, NOT_FOUND = 403, 404

_UNAUTHORISED = (401, FORBIDDEN)
_TOO_LARGE = 413
_TOO_MANY = 429
_SERVER_ERRORS = 500
_LONGEST_REASON = 300


@contextmanager
def translated(store: str) -> Iterator[None]:
    """Turns errors of the client, the network and the server into ours.

    Args:
        store: how messages name the store.

    Raises:
        StoreUnavailableError: if the server cannot be reached, is overloaded, failed or wants another key.
        StoreError: if it refused the request.
    """
    try:
        yield
    except ResponseHandlingException as error:
        raise _no_answer(store, error.source) from error
    except ResourceExhaustedResponse as error:
        raise StoreUnavailableError(
            f"{store} allows no more requests now: try again in {error.retry_after_s} s"
        ) from error
    except UnexpectedResponse as error:
        raise _refused(store, error) from error
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailableError(f"{store} cannot be read or written: {error}") from error


def _no_answer(store: str, cause: Exception) -> StoreError:
    if isinstance(cause, httpx.TimeoutException):
        return StoreUnavailableError(f"{store} did not answer in time: it may be overloaded, or the time-out too short")
    if isinstance(cause, httpx.TransportError):
        return StoreUnavailableError(f"{store} cannot be reached ({cause}): is a Qdrant server running there?")
    return StoreUnavailableError(f"{store} did not answer as Qdrant does: is a Qdrant server running there?")


def _refused(store: str, error: UnexpectedResponse) -> StoreError:
    status = error.status_code or 0
    said = f"HTTP {status}: {_reason(error)}"
    if status in _UNAUTHORISED:
        return StoreUnavailableError(f"{store} wants a (different) API key, written :APIKEY@ before the host ({said})")
    if status == _TOO_LARGE:
        return StoreError(f"{store} takes no requests of this size: raise max_request_size_mb of the server ({said})")
    if status == _TOO_MANY or status >= _SERVER_ERRORS:
        return StoreUnavailableError(f"{store} failed or is overloaded: try again ({said})")
    return StoreError(f"{store} refused the request ({said})")


def _reason(error: UnexpectedResponse) -> str:
    """What the server says is wrong, in one line."""
    try:
        said = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        said = error.reason_phrase or "no reason given"
    return " ".join(str(said).split())[:_LONGEST_REASON]
