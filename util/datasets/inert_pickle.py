"""Reading a published pickle file without running anything that stands in it.

A pickle is a program: ``pickle.load`` calls whatever functions the file names. NearID writes no pickles and reads none,
with one exception, because the ground truth of a public benchmark exists in no other form: this reader. It lets a file
name only the functions by which numpy stores its arrays, and puts harmless ones of its own in their place.
Numbers, texts, lists, tuples and dictionaries need no function. What comes out is those, with arrays as
:class:`StoredArray`; a file that asks for anything else is refused before that is looked up.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from util.errors import DatasetError

_LARGEST = 256 * 2**20
"""Bytes; the ground truth of revisited Oxford and Paris is below one megabyte."""
_KINDS = frozenset("biuf")
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError,
    OverflowError, MemoryError, RecursionError,
)  # fmt: skip
"""What the machine that reads pickles raises on bytes that are no program for it."""


class StoredType:
    """A numpy type as a file describes it: its code, such as ``i8``, and its byte order."""

    def __init__(self, code: object, *_flags: object) -> None:
        self._code = code if isinstance(code, str) else ""
        self._order: Literal["=", "<", ">"] = "="

    def __setstate__(self, state: tuple[object, ...]) -> None:
        match state:
            case (_, ("<" | ">") as order, *_):
                self._order = order

    def to_numpy(self) -> np.dtype[np.generic]:
        """The type.

        Raises:
            ValueError: if it is none of plain numbers.
        """
        if self._code[:1] not in _KINDS or not self._code[1:].isdecimal():
            raise ValueError(f"arrays of type {self._code!r:.20} are not read, only numbers")
        return np.dtype(self._code).newbyteorder(self._order)


class StoredArray:
    """A numpy array as a file describes it; :meth:`to_numpy` makes it one."""

    def __init__(self, *_ignored: object) -> None:
        self._state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self._state = state

    def to_numpy(self) -> NDArray[np.generic]:
        """The array.

        Raises:
            ValueError: if type, shape and bytes do not go together.
        """
        match self._state:
            case (_, tuple() as shape, StoredType() as kind, by_columns, bytes() | bytearray() | str() as raw):
                numbers = np.frombuffer(_as_bytes(raw), kind.to_numpy())
            case _:
                raise ValueError("an array is stored in a form that numpy does not write")
        if not all(isinstance(side, int) and side >= 0 for side in shape) or math.prod(shape) != numbers.size:
            raise ValueError(f"an array of shape {shape!r:.40} holds {numbers.size} numbers")
        return numbers.reshape(shape, order="F" if by_columns else "C")


def read_pickled_numbers(path: Path) -> object:
    """What a pickle file of plain containers, texts, numbers and arrays of numbers holds.

    Args:
        path: the file.

    Returns:
        its one object; arrays in it are :class:`StoredArray`.

    Raises:
        DatasetError: if the file cannot be read, is larger than 256 MiB, is no pickle, or asks for any function beyond
            those by which numpy stores numbers.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DatasetError(f"{path}: is larger than {_LARGEST // 2**20} MiB: it cannot be a ground truth file")
        with path.open("rb") as stream:
            # Files of Python 2 hold bytes where they mean text, and arrays as such bytes: Latin-1 keeps both.
            return _InertUnpickler(stream, encoding="latin1").load()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except _BROKEN as error:
        raise DatasetError(f"{path}: is not a pickle file of plain numbers and lists ({error})") from error


def _scalar(kind: StoredType, raw: bytes | str = b"") -> float | int | bool:
    return np.frombuffer(_as_bytes(raw), kind.to_numpy())[0].item()  # type: ignore[no-any-return]


def _from_buffer(raw: bytes | bytearray, kind: StoredType, shape: tuple[int, ...], order: str) -> StoredArray:
    """How files of protocol 5 store an array."""
    array = StoredArray()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _as_bytes(raw: bytes | bytearray | str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes are stored as Latin-1 text, not {encoding!r:.20}")
    return raw.encode("latin1") if isinstance(raw, str) else bytes(raw)


def _no_bytes() -> bytes:
    """How files of protocol 2 store the bytes of an empty array."""
    return b""


_CORES = ("numpy.core", "numpy._core")
_INERT: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): StoredArray,
    ("numpy", "dtype"): StoredType,
    ("_codecs", "encode"): _as_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    **{(f"{core}.multiarray", "_reconstruct"): StoredArray for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _from_buffer for core in _CORES},
}


class _InertUnpickler(pickle.Unpickler):
    """Finds nothing but the functions of this module."""

    def find_class(self, module_name: str, global_name: str, /) -> Callable[..., object]:
        try:
            return _INERT[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which is not run") from None
