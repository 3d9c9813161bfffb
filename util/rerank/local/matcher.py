"""The contract of a matcher: a photo is described once, and descriptions are matched pair by pair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.rerank.local.features import Points

Description: TypeAlias = Mapping[str, NDArray[Any]]
"""What a matcher keeps of one photo: arrays by name, none of them of objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Correspondences:
    """Points of two photos that look alike, row by row.

    Attributes:
        query: float32 (N, 2), x and y in pixels of the decoded query photo.
        candidate: float32 (N, 2), in pixels of the decoded candidate photo.
    """

    query: Points
    candidate: Points

    def __post_init__(self) -> None:
        if self.query.shape != self.candidate.shape or self.query.ndim != 2 or self.query.shape[1] != 2:
            raise InvalidInputError(
                f"corresponding points are two arrays (N, 2), got {self.query.shape} and {self.candidate.shape}"
            )

    def __len__(self) -> int:
        return len(self.query)


NO_POINTS: Points = np.empty((0, 2), np.float32)


class Matcher(ABC):
    """Finds points of two photos that look alike.

    Attributes:
        name: what ``load_matcher`` takes.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def key(self) -> tuple[object, ...]:
        """All that a description depends on besides the pixels: equal keys, equal descriptions."""

    @abstractmethod
    def describe(self, image: NDArray[np.uint8]) -> Description:
        """What is kept of a photo; the expensive part, done once a photo.

        Args:
            image: uint8 H×W×3 (RGB) or H×W×4 (RGBA), of any size.
        """

    @abstractmethod
    def match(self, query: Description, candidate: Description) -> Correspondences:
        """Points that look alike, before any geometry is asked; none is a fine answer."""
