"""Who may ask: those with the key, or, without one, those on this machine."""

from __future__ import annotations

import hmac
import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

from vearch_plugin.errors import UnauthorizedError


class Keys:
    """Says who may ask.

    Args:
        api_key: what requests must carry as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``; ``None`` asks none.
        allow_anonymous: whether, without a key, requests are taken from beyond this machine.
    """

    def __init__(self, api_key: str | None, *, allow_anonymous: bool) -> None:
        self._key = api_key.encode() if api_key is not None else None
        self._allow_anonymous = allow_anonymous

    def check(self, scope: Scope) -> None:
        """Refuses who must not ask.

        Raises:
            UnauthorizedError: if the key is missing or wrong, or there is none and the service is not on loopback.
        """
        if self._key is None:
            self._check_loopback(scope)
        elif not hmac.compare_digest(_presented_key(Headers(scope=scope)).encode(), self._key):
            raise UnauthorizedError("the API key is missing or wrong: send it as X-API-Key or Authorization: Bearer")

    def _check_loopback(self, scope: Scope) -> None:
        server = scope.get("server") or ("", None)
        if not self._allow_anonymous and not is_loopback(str(server[0]), unknown=True):
            raise UnauthorizedError("without an API key the service answers on this machine only: set NEARID_API_KEY")


def is_loopback(host: str, *, unknown: bool = False) -> bool:
    """Whether an address leads to this machine only.

    Args:
        host: a host name or an IP address.
        unknown: the answer for what is neither ``localhost`` nor an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return unknown


def _presented_key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
