"""URLs of Vearch stores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from util.errors import InvalidInputError

FORM = "vearch+http://user:password@HOST:9001/DB"

_PORT = 9001
_DATABASE = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a database of Vearch is, and how new spaces are made there.

    Attributes:
        root: the router, as ``http://HOST:PORT``.
        database: name of the database.
        user: whom to sign in as; empty where the server asks for nobody.
        password: never shown.
        timeout: seconds to wait for the server, where the URL says how many.
        options: what else stands after the question mark.
    """

    root: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The store's URL without the password."""
        scheme, _, place = self.root.partition("://")
        return f"vearch+{scheme}://{f'{self.user}@' if self.user else ''}{place}/{self.database}"


def parse_location(url: str) -> Location:
    """Reads a store's URL; user and password may hold any character in percent notation.

    >>> parse_location("vearch+http://root:s%40fe@vearch.example/shop?replicas=3")
    Location(root='http://vearch.example:9001', database='shop', user='root', timeout=None, options={'replicas': '3'})

    Raises:
        InvalidInputError: if it has another form; the password is not repeated.
    """
    try:
        parts = urlsplit(url.removeprefix("vearch+"))
        port = parts.port or _PORT
    except ValueError as error:
        raise InvalidInputError(f"the URL of the Vearch store cannot be read ({error}): write {FORM}") from None
    if not url.startswith("vearch+") or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(f"the URL of the Vearch store has another form: write {FORM}")
    database = unquote(parts.path.strip("/"))
    if not _DATABASE.match(database):
        raise InvalidInputError(
            f"{database!r} cannot name a database of Vearch: write {FORM}, where DB is letters, digits and underscores"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    options = _options(parts)
    timeout = _seconds(options.pop("timeout")) if "timeout" in options else None
    return Location(f"{parts.scheme}://{host}:{port}", database, user, password, timeout, options)


def _options(parts: SplitResult) -> dict[str, str]:
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if len(options) != len(given) or parts.fragment:
        raise InvalidInputError("the URL of the Vearch store names an option twice, or holds a #: write ?name=value&…")
    return options


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text) or float(text) == 0:
        raise InvalidInputError(f"timeout is a number of seconds above 0, not {text!r}")
    return float(text)
