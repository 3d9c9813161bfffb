"""The way to a Vearch router: one kept connection, bounded waiting, repeats where they do no harm."""

from __future__ import annotations

import logging
import random
import re
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from util.errors import StoreError, StoreUnavailableError
from util.vector_store.vearch.answers import ADVICE, PassingError, data_of
from util.vector_store.vearch.location import Location

OLDEST = (3, 5, 8)
"""The first version whose searches fall back to exact ones where an index is not built yet."""

_CONNECT = 5.0
_LONGEST_PAUSE = 5.0
# A part of the cluster learns of a new space a moment later than the others.
_SETTLING = 5.0
_CONNECTIONS = 32

_log = logging.getLogger(__name__)


class VearchClient:
    """Sends requests to a router and reads its answers; threads may share one.

    All that NearID sends can be sent twice without harm, since every document carries its id. So whatever fails in
    passing (a refused connection, an election, a timeout) is repeated with growing pauses until the time is up.

    Args:
        location: the router, and whom to sign in as.
        timeout: seconds to keep trying before giving up on a request.
    """

    def __init__(self, location: Location, *, timeout: float) -> None:
        self.server = f"Vearch at {location.root.partition('://')[2]}"
        self.timeout = max(timeout, 0.1)
        self._root = location.root
        self._session: requests.Session | None = requests.Session()
        # Proxies and passwords come from the URL of the store, not from the environment.
        self._session.trust_env = False
        self._session.headers["Content-Type"] = "application/json"
        if location.user:
            # As bytes: requests would write text in Latin-1.
            self._session.auth = HTTPBasicAuth(location.user.encode(), location.password.encode())
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))

    def send(self, method: str, path: str, body: str | None = None, *, patience: float | None = None) -> Any:
        """Sends a request until it is answered.

        Args:
            method: of HTTP.
            path: from the root on.
            body: JSON.
            patience: seconds to keep trying; by default the client's timeout.

        Returns:
            The answer's data.

        Raises:
            VearchError: if Vearch refuses the request.
            StoreUnavailableError: if no answer came in time, or not Vearch's.
        """
        patience = self.timeout if patience is None else patience
        started = time.monotonic()
        repeats = 0
        while True:
            left = max(patience - (time.monotonic() - started), 0.1)
            try:
                return self._send_once(method, path, body, left)
            except PassingError as error:
                waited = time.monotonic() - started
                pause = random.uniform(0.5, 1) * min(0.1 * 2**repeats, _LONGEST_PAUSE)  # noqa: S311 - only spreads load
                if waited + pause > (min(patience, _SETTLING) if error.settles else patience):
                    raise
                _log.info("%s %s is repeated in %.1f s: %s", method, path, pause, error)
            time.sleep(pause)
            repeats += 1

    def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _send_once(self, method: str, path: str, body: str | None, seconds: float) -> Any:
        if self._session is None:
            raise StoreError(f"the store on {self.server} is closed: open it again")
        # The server is told to give up a little earlier, so that it is the one to say so.
        within = {} if method == "GET" else {"timeout": str(max(int(seconds * 900), 1))}
        try:
            response = self._session.request(
                method,
                self._root + path,
                data=None if body is None else body.encode(),
                params=within,
                timeout=(min(seconds, _CONNECT), seconds),
                allow_redirects=False,
            )
        except requests.exceptions.Timeout as error:
            raise PassingError(f"{self.server} does not answer within {seconds:.1f} s") from error
        except requests.exceptions.RequestException as error:
            raise PassingError(f"{self.server} cannot be reached ({_reason(error)}): is it running?") from error
        return data_of(response, self.server)


def server_version(client: VearchClient, *, patience: float) -> str:
    """Asks for the server's version.

    Returns:
        The version as the server writes it.

    Raises:
        StoreUnavailableError: if it cannot be reached, is not Vearch or too old.
    """
    about = client.send("GET", "/", patience=patience)
    version = about.get("version") if isinstance(about, dict) else None
    written = str(version.get("build_version", "")) if isinstance(version, dict) else None
    if written is None:
        raise StoreUnavailableError(f"{client.server} answers, but not as Vearch does: {ADVICE}")
    numbers = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", written)
    if numbers is None:
        _log.warning("%s does not say which version it is (%r): 3.5.8 or newer is needed", client.server, written)
    elif tuple(int(number or 0) for number in numbers.groups()) < OLDEST:
        raise StoreUnavailableError(
            f"{client.server} is version {written}, and 3.5.8 or newer is needed: upgrade the server"
        )
    return written or "unknown"


def _reason(error: Exception) -> str:
    """Why a connection failed, in the operating system's words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        nested = [argument for argument in cause.args if isinstance(argument, BaseException)]
        cause = getattr(cause, "reason", None) or (nested[0] if nested else cause.__cause__)
        if not isinstance(cause, BaseException):
            break
    return "the connection broke off"
