"""Local features of one image: where they are, how large, how turned, and what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError

Points: TypeAlias = NDArray[np.float32]
"""float32 (N, 2), x to the right and y down in pixels of the image as it was decoded; pixel centres are whole."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """What a detector found in an image.

    Attributes:
        points: float32 (N, 2), x and y in pixels of the decoded image.
        scales: float32 (N,), diameter of each feature in the same pixels.
        angles: float32 (N,), direction of each in degrees, as OpenCV counts them: [0, 360), clockwise.
        descriptors: uint8 or float16 (N, D): compact; ``unit_descriptors`` makes them comparable.
        size: width and height of the decoded image in pixels.
    """

    points: Points
    scales: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.uint8] | NDArray[np.float16]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        count = len(self.points)
        shapes = (self.points.shape, self.scales.shape, self.angles.shape, self.descriptors.shape[:1])
        if shapes != ((count, 2), (count,), (count,), (count,)) or self.descriptors.ndim != 2:
            raise InvalidInputError(
                f"local features need points (N, 2), scales (N,), angles (N,) and descriptors (N, D), got {shapes}"
            )
        for array in (self.points, self.scales, self.angles, self.descriptors):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.points)

    def unit_descriptors(self) -> NDArray[np.float32]:
        """Descriptors as float32 rows of Euclidean length 1; a row of zeros stays zero."""
        rows = self.descriptors.astype(np.float32)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, norms, out=rows, where=norms > 0)
        return rows

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name, as a cache keeps them."""
        return {
            "points": self.points,
            "scales": self.scales,
            "angles": self.angles,
            "descriptors": self.descriptors,
            "size": np.array(self.size, dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> LocalFeatures:
        """What ``to_arrays`` made; more arrays do no harm."""
        width, height = arrays["size"].tolist()
        points, scales, angles, descriptors = (arrays[name] for name in ("points", "scales", "angles", "descriptors"))
        return cls(points, scales, angles, descriptors, (width, height))
