"""Where a Qdrant store is, read from its URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from util.errors import InvalidInputError

FORMS = "qdrant+http://[:APIKEY@]HOST:6333, qdrant+https://…, qdrant+local:PATH or qdrant+local::memory:"

_LOCAL = "qdrant+local:"
_PORT = 6333


@dataclass(frozen=True, slots=True)
class Server:
    """A Qdrant server.

    Attributes:
        url: address of its REST interface, without the key.
        key: its API key, if it wants one; kept out of ``repr`` and of every message.
    """

    url: str
    key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"qdrant+{self.url}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder for Qdrant's in-process mode; without a path, spaces live in memory only."""

    path: Path | None

    def __str__(self) -> str:
        return f"{_LOCAL}{self.path or ':memory:'}"


def read_address(url: str) -> Server | Folder:
    """The place that a store URL names.

    >>> read_address("qdrant+http://:secret@host/under")
    Server(url='http://host:6333/under')
    >>> str(read_address("qdrant+local:data/qdrant"))
    'qdrant+local:data/qdrant'

    Raises:
        InvalidInputError: if it is of no form that Qdrant has; the message repeats nothing of the URL, which may
            hold a key.
    """
    if url.startswith(_LOCAL):
        path = url[len(_LOCAL) :]
        return Folder(None if path == ":memory:" else Path(path).expanduser())
    if not url.startswith(("qdrant+http://", "qdrant+https://")):
        raise InvalidInputError(f"a Qdrant store is written {FORMS}")
    return _server(url.removeprefix("qdrant+"))


def _server(url: str) -> Server:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError as error:
        raise InvalidInputError(f"the host or port of the Qdrant store cannot be read: write {FORMS}") from error
    if not host or parts.query or parts.fragment:
        raise InvalidInputError(f"a Qdrant store has a host and neither ? nor #: write {FORMS}")
    if parts.username:
        raise InvalidInputError("Qdrant has no user names: write the API key after a colon, as in :APIKEY@HOST")
    key = unquote(parts.password or "")
    # Anything else cannot stand in a header, and the HTTP library would repeat it in its message.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInputError("the API key of the Qdrant store holds characters that no API key can have")
    named = f"[{host}]" if ":" in host else host
    return Server(f"{parts.scheme}://{named}:{port}{parts.path.rstrip('/')}", key or None)
