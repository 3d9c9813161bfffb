"""What re-rankers have learned, kept by content: in memory, and in a folder where there is one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Lock

from util.errors import InvalidInputError
from util.rerank._folder import ArrayFolder, Arrays

CACHE_BYTES = 8 * 2**30
"""Most that is kept in a folder unless another bound is given: at 100,000 images ``diffusion`` takes up to 1.6 GB."""

_HELD_BYTES = 256 * 2**20
_MOST_OF_A_KIND = 2  # of large entries: what a gallery taught before it changed is of no use for long


class ArrayCache:
    """Arrays under keys that name their content, so that nothing in it is ever out of date.

    Safe to use from several threads, and the folder from several processes.

    >>> import numpy as np
    >>> cache = ArrayCache()
    >>> made = cache.get_or_make(("squares", 3), lambda: {"values": np.arange(3) ** 2})
    >>> cache.get_or_make(("squares", 3), lambda: {})["values"].tolist()
    [0, 1, 4]
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        entries: int = 8,
        held_bytes: int = _HELD_BYTES,
        max_bytes: int = CACHE_BYTES,
    ) -> None:
        """Makes an empty cache, or opens the one of a folder.

        What a gallery teaches is one large entry, what is found in photos many small ones, hence two bounds of memory:
        an entry is let go only when both are passed, or when two later ones of its kind are there.

        Args:
            folder: where entries outlast the process, as NumPy's ``.npz``; in memory only without one.
            entries: how many are held in memory whatever their size; those asked for last stay.
            held_bytes: of smaller entries as many are held as fit into this.
            max_bytes: of all files in the folder; those unused longest are deleted.

        Raises:
            InvalidInputError: if ``entries`` or ``max_bytes`` is below 1, or ``held_bytes`` negative.
        """
        if entries < 1:
            raise InvalidInputError(f"a cache holds at least 1 entry, not {entries}")
        if held_bytes < 0:
            raise InvalidInputError(f"a cache cannot hold {held_bytes} bytes")
        self._folder = None if folder is None else ArrayFolder(folder, max_bytes=max_bytes)
        self._entries, self._held_bytes = entries, held_bytes
        self._held: OrderedDict[str, Arrays] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get_or_make(
        self, key: tuple[object, ...], make: Callable[[], Arrays], *, kind: tuple[object, ...] = ()
    ) -> Arrays:
        """The arrays of a key, made if they are not here.

        Args:
            key: everything the arrays depend on: content hashes, names and parameters with a faithful ``repr``.
            make: computes them.
            kind: what they have in common with those of other keys: those of other galleries, from which ``make`` may
                set out.
        """
        name = _beginning(kind) + hashlib.sha256(repr(key).encode()).hexdigest()
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        arrays = None if self._folder is None else self._folder.read(name)
        if arrays is None:
            arrays = make()
            if self._folder is not None:
                self._folder.write(name, arrays)
        self._hold(name, arrays)
        return arrays

    def of_kind(self, kind: tuple[object, ...]) -> list[str]:
        """Names of the entries of a kind, in memory and in the folder; those in memory, and those used last, first."""
        with self._lock:
            held = [name for name in reversed(self._held) if name.startswith(_beginning(kind))]
        stored = [] if self._folder is None else self._folder.names(_beginning(kind))
        return list(dict.fromkeys([*held, *stored]))

    def entry(self, name: str, *, only: Collection[str] | None = None) -> Arrays | None:
        """An entry by its name, or some of its arrays; ``None`` if it has gone meanwhile."""
        with self._lock:
            held = self._held.get(name)
        if held is not None or self._folder is None:
            return held
        return self._folder.read(name, only=only)

    def _hold(self, name: str, arrays: Arrays) -> None:
        with self._lock:
            if name not in self._held:  # another thread may have made it meanwhile
                self._bytes += _size(arrays)
                self._held[name] = arrays
            while self._bytes > self._held_bytes and (gone := self._dispensable(name)) is not None:
                self._bytes -= _size(self._held.pop(gone))

    def _dispensable(self, name: str) -> str | None:
        """The entry to let go now that one of a name has come: of its kind, if there are several, else of all."""
        kind = name[: name.find("-") + 1]
        alike = [held for held in self._held if kind and held.startswith(kind)]
        if len(alike) > _MOST_OF_A_KIND:
            return alike[0]
        return next(iter(self._held)) if len(self._held) > self._entries else None


def _beginning(kind: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(kind).encode()).hexdigest()[:16] + "-" if kind else ""


def _size(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
