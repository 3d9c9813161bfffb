"""What re-rankers have learned, kept by content: in memory, and in a folder where there is one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from util.errors import InvalidInputError
from util.rerank._folder import ArrayFolder, Arrays

CACHE_BYTES = 8 * 2**30
"""Most that is kept in a folder unless another bound is given: at 100,000 images ``diffusion`` takes up to 1.6 GB."""


class ArrayCache:
    """Arrays under keys that name their content, so that nothing in it is ever out of date.

    Safe to use from several threads, and the folder from several processes.

    >>> import numpy as np
    >>> cache = ArrayCache()
    >>> made = cache.get_or_make(("squares", 3), lambda: {"values": np.arange(3) ** 2})
    >>> cache.get_or_make(("squares", 3), lambda: {})["values"].tolist()
    [0, 1, 4]
    """

    def __init__(self, folder: Path | None = None, *, entries: int = 4, max_bytes: int = CACHE_BYTES) -> None:
        """Makes an empty cache, or opens the one of a folder.

        Args:
            folder: where entries outlast the process, as NumPy's ``.npz``; in memory only without one.
            entries: how many are held in memory; those asked for last stay.
            max_bytes: of all files in the folder; those unused longest are deleted.

        Raises:
            InvalidInputError: if ``entries`` or ``max_bytes`` is below 1.
        """
        if entries < 1:
            raise InvalidInputError(f"a cache holds at least 1 entry, not {entries}")
        self._folder = None if folder is None else ArrayFolder(folder, max_bytes=max_bytes)
        self._entries = entries
        self._held: OrderedDict[str, Arrays] = OrderedDict()
        self._lock = Lock()

    def get_or_make(self, key: tuple[object, ...], make: Callable[[], Arrays]) -> Arrays:
        """The arrays of a key, made if they are not here.

        Args:
            key: everything the arrays depend on: content hashes, names and parameters with a faithful ``repr``.
            make: computes them.
        """
        name = hashlib.sha256(repr(key).encode()).hexdigest()
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        arrays = None if self._folder is None else self._folder.read(name)
        if arrays is None:
            arrays = make()
            if self._folder is not None:
                self._folder.write(name, arrays)
        with self._lock:
            self._held[name] = arrays
            while len(self._held) > self._entries:
                self._held.popitem(last=False)
        return arrays
