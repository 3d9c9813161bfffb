"""Fetching one large file over HTTP: streamed, resumed where it broke off, checked, and moved into place when whole."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from util.errors import DownloadError

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes to come in all, where the server says."""

_CHUNK_BYTES = 64 * 1024
_TIMEOUTS = (10.0, 60.0)
"""Seconds until a connection stands, and between two pieces of a body."""
_BROKEN_OFF = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
_BREAKS = 5
"""How often in a row a transfer may break off without a byte of progress, with longer and longer pauses."""
_RETRY = Retry(
    total=4, connect=0, read=0, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)
"""For servers that are busy; breaks are dealt with here, because what came before them is kept."""


def download(url: str, target: Path, *, digest: str = "", progress: Progress | None = None) -> None:
    """Fetches a file, unless it is there already.

    What has come so far is kept beside the target with the suffix ``.part``; a later call goes on from there if the
    server can.

    Args:
        url: http or https.
        target: where the file goes.
        digest: what it has to be, as ``md5:…`` or ``sha256:…``; not checked where empty.
        progress: told after every piece.

    Raises:
        DownloadError: if the file cannot be fetched, or is another one than the digest says.
    """
    if not target.exists():
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fetch(url, part, progress or (lambda done, total: None))
        except requests.RequestException as error:
            raise DownloadError(f"{url}: {_reason(error)}: {_by_hand(target)}") from error
        _check(part, digest, url, target)
        part.replace(target)
    else:
        _check(target, digest, url, target)


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Goes on after breaks, but not before anything has come: an address that is wrong stays wrong."""
    start, breaks = _size(part), 0
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
        while True:
            before = _size(part)
            try:
                _append(session, url, part, progress)
            except _BROKEN_OFF:
                breaks = 0 if _size(part) > before else breaks + 1
                if breaks == _BREAKS or _size(part) <= start:
                    raise
                time.sleep(breaks)
            else:
                return


def _append(session: requests.Session, url: str, part: Path, progress: Progress) -> None:
    """Fetches the rest of a file, or all of it from a server that cannot begin in the middle."""
    start = _size(part)
    headers = {"Accept-Encoding": "identity", "User-Agent": "NearID"} | ({"Range": f"bytes={start}-"} if start else {})
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUTS) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            if response.headers.get("Content-Range") != f"bytes */{start}":
                part.unlink()  # not the beginning of what is on the server now
                _append(session, url, part, progress)
            return
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        done = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as stream:
            for piece in response.iter_content(_CHUNK_BYTES):
                stream.write(piece)
                done += len(piece)
                progress(done, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check(path: Path, digest: str, url: str, target: Path) -> None:
    if not digest:
        return
    algorithm, _, expected = digest.partition(":")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found != expected:
        if path != target:
            path.unlink()
        raise DownloadError(
            f"{url}: the file {path} has {algorithm} {found}, the published one has {expected}: {_by_hand(target)}"
        )


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, _BROKEN_OFF):
        return "cannot be reached, or the connection broke off"
    return f"cannot be fetched ({error})"


def _by_hand(target: Path) -> str:
    return f"try again later, or get the file in another way, put it at {target} and run this again"
