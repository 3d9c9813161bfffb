"""The object id that git gives a folder: a checksum of names and contents together."""

from __future__ import annotations

import hashlib
from pathlib import Path


def tree_id(folder: Path) -> str:
    """The SHA-1 id of a folder of plain, not executable files, as ``git ls-tree`` shows it.

    Archives that a host packs afresh for every download differ in their bytes, what they hold does not; the id of a
    published commit's folder is the checksum for it.

    Args:
        folder: every file in it counts, hidden ones included; empty folders do not, as in git.
    """
    return _object(b"tree", _entries(folder)).hex()


def _entries(folder: Path) -> bytes:
    """What git stores of a folder; empty where there is no file at any depth."""
    entries = []
    for path in folder.iterdir():
        name = path.name.encode()
        if not path.is_dir():
            entries.append((name, b"100644 " + name + b"\0" + _object(b"blob", path.read_bytes())))
        elif inner := _entries(path):
            # git sorts a folder as if its name ended in a slash.
            entries.append((name + b"/", b"40000 " + name + b"\0" + _object(b"tree", inner)))
    return b"".join(entry for _, entry in sorted(entries))


def _object(kind: bytes, body: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0" % (kind, len(body)) + body, usedforsecurity=False).digest()
