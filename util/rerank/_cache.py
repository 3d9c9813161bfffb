"""What re-rankers have learned, kept by content: in memory, and in a folder where there is one."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by name; plain numbers and text only, so that nothing has to be unpickled."""


class ArrayCache:
    """Arrays under keys that name their content, so that nothing in it is ever out of date.

    Safe to use from several threads, and the folder from several processes.

    >>> cache = ArrayCache()
    >>> made = cache.get_or_make(("squares", 3), lambda: {"values": np.arange(3) ** 2})
    >>> cache.get_or_make(("squares", 3), lambda: {})["values"].tolist()
    [0, 1, 4]
    """

    def __init__(self, folder: Path | None = None, *, entries: int = 4) -> None:
        """Makes an empty cache, or opens the one of a folder.

        Args:
            folder: where entries outlast the process, as NumPy's ``.npz``; in memory only without one.
            entries: how many are held in memory; those asked for last stay.

        Raises:
            InvalidInputError: if ``entries`` is below 1.
        """
        if entries < 1:
            raise InvalidInputError(f"a cache holds at least 1 entry, not {entries}")
        self.folder = folder
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
        arrays = self._read(name)
        if arrays is None:
            arrays = make()
            self._write(name, arrays)
        with self._lock:
            self._held[name] = arrays
            while len(self._held) > self._entries:
                self._held.popitem(last=False)
        return arrays

    def _read(self, name: str) -> Arrays | None:
        if self.folder is None:
            return None
        try:
            with np.load(self.folder / f"{name}.npz", allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None  # absent or damaged: it is made anew

    def _write(self, name: str, arrays: Arrays) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # Renaming a finished file is atomic: no reader ever sees half of one.
        handle, passing = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # taken for the flags that savez has besides
            Path(passing).replace(self.folder / f"{name}.npz")
        except BaseException:
            Path(passing).unlink(missing_ok=True)
            raise
