"""Embeddings made shorter by a linear map that is kept, as JSON, with the space it was fitted for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from util.errors import DimensionMismatchError, InvalidInputError, StoreError
from util.records import Embeddings, SpaceInfo, unit_rows

PROJECTION = "projection"
"""Attribute of a space whose embeddings went through a projection."""

_NUMBERS = ("mean", "matrix")


@dataclass(frozen=True, eq=False)
class Projection:
    """x ↦ (x − mean) Pᵀ, scaled to length 1.

    Args:
        mean: float32 (D,).
        matrix: P, float32 (d, D).

    Raises:
        InvalidInputError: if the shapes do not belong together, or a number is not finite.

    >>> drops_the_last = Projection(np.zeros(3, "f4"), np.eye(2, 3, dtype="f4"))
    >>> drops_the_last.apply(np.array([[0.6, 0, 0.8], [0, 0, 0]], "f4"))
    array([[1., 0.],
           [0., 0.]], dtype=float32)
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            numbers = np.array(getattr(self, name), dtype="<f4", order="C")
            numbers.flags.writeable = False
            object.__setattr__(self, name, numbers)
        if self.matrix.ndim != 2 or not self.matrix.size or self.mean.shape != self.matrix.shape[1:]:
            raise InvalidInputError(
                f"a projection has a mean (D,) and a matrix (d, D), not {self.mean.shape} and {self.matrix.shape}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.matrix).all()):
            raise InvalidInputError("a projection cannot hold NaN or infinity")

    @property
    def dimension(self) -> int:
        """d: how many numbers are left."""
        return int(self.matrix.shape[0])

    @property
    def inputs(self) -> int:
        """D: how many numbers there were."""
        return int(self.matrix.shape[1])

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal digits over the shape as JSON, the mean and the matrix (both little-endian float32)."""
        content = json.dumps(self.matrix.shape).encode() + self.mean.tobytes() + self.matrix.tobytes()
        return hashlib.sha256(content).hexdigest()

    @cached_property
    def _doubles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.mean.astype(np.float64), self.matrix.T.astype(np.float64)

    def apply(self, embeddings: Embeddings) -> Embeddings:
        """float32 (N, D) to unit rows float32 (N, d); a row of zeros stays one.

        Sums are taken in float64 and rounded once, so that an image has one embedding, alone or in a batch.

        Raises:
            DimensionMismatchError: if the embeddings are not of dimension D.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.inputs:
            raise DimensionMismatchError(
                f"the projection takes embeddings of shape (N, {self.inputs}), not {embeddings.shape}"
            )
        mean, matrix = self._doubles
        rows: NDArray[np.float64] = (embeddings - mean) @ matrix
        rows[~embeddings.any(axis=1)] = 0
        return unit_rows(rows)

    def follow(self, fingerprint: str) -> str:
        """Fingerprint of the embeddings that come out, given that of those that go in."""
        return hashlib.sha256(json.dumps([PROJECTION, fingerprint, self.sha256]).encode()).hexdigest()

    def to_json(self) -> dict[str, object]:
        """What ``from_json`` takes: the numbers in base64, with their shape and sha256."""
        numbers = {name: base64.b64encode(getattr(self, name).tobytes()).decode() for name in _NUMBERS}
        return {"shape": list(self.matrix.shape), "sha256": self.sha256, **numbers}

    @classmethod
    def from_json(cls, kept: object) -> Self:
        """Reads what ``to_json`` wrote, whatever stands beside it.

        Raises:
            InvalidInputError: if that is incomplete, or has another sha256 than it says.
        """
        try:
            if not isinstance(kept, Mapping):
                raise TypeError("it is no JSON object")
            rows, columns = (int(length) for length in kept["shape"])
            mean, matrix = (np.frombuffer(base64.b64decode(kept[name], validate=True), "<f4") for name in _NUMBERS)
            made, promised = cls(mean, matrix.reshape(rows, columns)), kept["sha256"]
        except KeyError as error:
            raise InvalidInputError(f"it has no {error}") from error
        except (TypeError, ValueError, binascii.Error) as error:
            raise InvalidInputError(str(error)) from error
        if made.sha256 != promised:
            raise InvalidInputError(f"its numbers have the sha256 {made.sha256[:12]}…, not {str(promised)[:12]}…")
        return made


@dataclass(frozen=True, slots=True)
class _Kept:
    """A projection as JSON, equal to any other of the same sha256."""

    sha256: str
    content: Mapping[str, object] = field(compare=False)


def projection_of(info: SpaceInfo) -> Projection:
    """The projection that a space keeps; read and checked once for all infos that hold the same one.

    Raises:
        StoreError: if it is damaged, or does not fit the space.
    """
    kept = info.attributes.get(PROJECTION)
    try:
        if not isinstance(kept, Mapping):
            raise InvalidInputError("it is no JSON object")
        projection = _read(_Kept(str(kept.get("sha256")), kept))
        if projection.dimension != info.dimension:
            raise InvalidInputError(f"it leaves {projection.dimension} dimensions of the space's {info.dimension}")
    except InvalidInputError as error:
        raise StoreError(
            f"the projection kept with space {info.name!r} is damaged ({error}): drop the space, and reduce the one "
            "it was made from again (nearid spaces reduce)"
        ) from error
    return projection


def without_numbers(attributes: Mapping[str, object]) -> dict[str, object]:
    """Attributes of a space for a person to read: of a projection, what it is but not its numbers.

    >>> without_numbers({"projection": {"shape": [1, 2], "mean": "AAAA", "matrix": "BBBB"}, "colour": "red"})
    {'projection': {'shape': [1, 2]}, 'colour': 'red'}
    """
    return {
        name: {key: part for key, part in value.items() if key not in _NUMBERS}
        if name == PROJECTION and isinstance(value, Mapping)
        else value
        for name, value in attributes.items()
    }


@lru_cache(maxsize=8)
def _read(kept: _Kept) -> Projection:
    return Projection.from_json(kept.content)
