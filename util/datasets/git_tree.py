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
    entries = []
    for path in folder.iterdir():
        name = path.name.encode()
        if not path.is_dir():
            entries.append((name, b"100644 " + name + b"\0" + _blob_digest(path)))
        elif any(path.iterdir()):
            # git sorts a folder as if its name ended in a slash.
            entries.append((name + b"/", b"40000 " + name + b"\0" + bytes.fromhex(tree_id(path))))
    body = b"".join(entry for _, entry in sorted(entries))
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _blob_digest(path: Path) -> bytes:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()
