"""Fetching an image over HTTP without being led into the local network, held up or flooded.

The standard library's ``http.client`` is used rather than requests or urllib because both of those read the whole
body of a redirect, however long, before they follow it, and neither bounds the total time or the address connected to.
"""

from __future__ import annotations

import functools
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from util.errors import ImageError
from util.images.addresses import SocketAddress, resolve
from util.images.limits import ImageLimits

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "NearID", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
_SAFE_IN_PATH = "%/:=&?~+!$,;'@()*[]"


class _RedirectError(Exception):
    """The answer lies at another address."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(location)


def is_url(text: str) -> bool:
    """Whether a text is an http or https URL.

    >>> is_url("HTTPS://example.org/a.jpg"), is_url("shelf/a.jpg")
    (True, False)
    """
    return text[:8].lower().startswith(("http://", "https://"))


def fetch(url: str, *, limits: ImageLimits, allow_private_networks: bool = False) -> bytes:
    """The body of a URL.

    Args:
        url: http or https; up to 5 redirects, to http or https again, are followed.
        limits: ``max_bytes`` of body and ``max_seconds`` until the last byte of it.
        allow_private_networks: also fetch from this machine and from private networks; checked on every redirect.

    Raises:
        ImageError: if the URL cannot be fetched within the time; ``ImageTooLargeError`` if the body is over the limit.
    """
    name = _without_password(url)
    deadline = time.monotonic() + limits.max_seconds
    for _ in range(_MAX_REDIRECTS + 1):
        parts = _split(url, name)
        addresses = resolve(str(parts.hostname), _port(parts), allow_private=allow_private_networks, name=name)
        try:
            return _get(parts, addresses, deadline, limits=limits, name=name)
        except _RedirectError as redirect:
            url = urljoin(url, redirect.location)
        except (OSError, http.client.HTTPException, ValueError) as error:
            _check_time(deadline, limits, name)
            raise ImageError(name, f"cannot be fetched ({error or type(error).__name__})") from error
    raise ImageError(name, f"was redirected more than {_MAX_REDIRECTS} times: check the address")


def _get(
    parts: SplitResult, addresses: list[SocketAddress], deadline: float, *, limits: ImageLimits, name: str
) -> bytes:
    with closing(_connect(addresses, deadline)) as sock, _cut_off_at(deadline, sock):
        connection = _http_connection(parts, sock)
        with closing(connection):
            connection.request("GET", _target(parts), headers=_HEADERS)
            with connection.getresponse() as response:
                _check_status(response, name)
                body = _read_body(response, limits, name)
        _check_time(deadline, limits, name)  # a body without a length just ends when it is cut off
        if not body:
            raise ImageError(name, "the answer is empty: check the address")
        return body


def _check_status(response: http.client.HTTPResponse, name: str) -> None:
    if response.status in _REDIRECTS:
        raise _RedirectError(response.getheader("Location") or "")
    if response.status != http.HTTPStatus.OK:
        raise ImageError(name, f"the server answered {response.status} {response.reason}: check the address")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise ImageError(name, "the server sent the image compressed once more: download the file by other means")


def _read_body(response: http.client.HTTPResponse, limits: ImageLimits, name: str) -> bytes:
    limits.check_bytes(response.length or 0, name)
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        limits.check_bytes(len(body), name)
    if response.length:  # what the server promised and did not send
        raise ImageError(name, f"the connection broke off after {len(body):,} bytes: try again")
    return bytes(body)


def _connect(addresses: list[SocketAddress], deadline: float) -> socket.socket:
    failure: OSError | None = None
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure or OSError("no address")


@contextmanager
def _cut_off_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Ends the connection at the deadline, because a socket's own timeout starts anew with every byte that drips in."""
    with closing(sock.dup()) as handle:  # TLS takes the socket itself over
        timer = threading.Timer(_left(deadline), _shut_down, [handle])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):  # it ended in the same moment
        sock.shutdown(socket.SHUT_RDWR)


def _http_connection(parts: SplitResult, sock: socket.socket) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(host, parts.port)
        connection.sock = sock
        return connection
    context = _tls_context()
    secure = http.client.HTTPSConnection(host, parts.port, context=context)
    secure.sock = context.wrap_socket(sock, server_hostname=host)
    return secure


@functools.cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and _port(parts) > 0
    except ValueError as error:
        raise ImageError(name, f"is not a valid URL ({error})") from error
    if not usable:
        raise ImageError(name, f"leads to {_without_password(url)!r}: only http and https URLs can be fetched")
    if parts.username is not None:
        raise ImageError(name, "holds a user name: URLs are fetched without logging in, download the file instead")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=_SAFE_IN_PATH)


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^/?#]*@", "", url)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("out of time")
    return left


def _check_time(deadline: float, limits: ImageLimits, name: str) -> None:
    if time.monotonic() >= deadline:
        raise ImageError(name, f"did not arrive within {limits.max_seconds:g} seconds: download the file instead")
