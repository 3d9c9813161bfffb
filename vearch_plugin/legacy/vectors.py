"""The vector field of a schema: what it holds and how its scores were counted in 2021."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from util.errors import DimensionMismatchError, InvalidInputError
from util.records import Embeddings, unit_rows
from vearch_plugin.legacy.bodies import kind_of

Metric: TypeAlias = Literal["InnerProduct", "L2"]

_LENGTH_TOLERANCE = 1e-3
"""How far from 1 a vector may be that claims length 1: programs rounded theirs to a few digits."""


@dataclass(frozen=True, slots=True)
class VectorField:
    """The field that is searched by.

    Attributes:
        name: its name.
        dimension: numbers in a vector.
        metric: what the space's scores are: the inner product, or the *squared* Euclidean distance.
        normalize: whether the space brings vectors to length 1 by itself.
        model: what the schema calls the model that makes the vectors; empty where it does not say.
    """

    name: str
    dimension: int
    metric: Metric = "InnerProduct"
    normalize: bool = False
    model: str = ""

    def rows(self, feature: list[object], *, normalize: bool = False) -> Embeddings:
        """One vector as NearID compares it.

        Args:
            feature: its numbers.
            normalize: bring it to length 1 whatever the space does.

        Returns:
            float32 (1, D), length 1.

        Raises:
            DimensionMismatchError: if there are more or fewer numbers than the space's vectors have.
            InvalidInputError: if they are no finite numbers, or the vector is not of length 1 and nothing says that
                it may be scaled: its inner products would be other ones.

        >>> VectorField("image", 2, normalize=True).rows([3, 4])
        array([[0.6, 0.8]], dtype=float32)
        """
        if len(feature) != self.dimension:
            raise DimensionMismatchError(
                f"field {self.name!r} holds vectors of dimension {self.dimension}, not {len(feature)} numbers"
            )
        wrong = [number for number in feature if isinstance(number, bool) or not isinstance(number, int | float)]
        if wrong:
            raise InvalidInputError(f"a feature of field {self.name!r} holds {kind_of(wrong[0])}: give numbers only")
        row = np.array([[_float(number) for number in feature]])
        largest = float(np.max(np.abs(row)))
        scaled = row / largest if 0 < largest < np.inf else row  # squares of large numbers would be infinite
        unit = unit_rows(scaled)
        length = largest * float(np.linalg.norm(scaled))
        if not (self.normalize or normalize) and abs(length - 1) > _LENGTH_TOLERANCE:
            raise InvalidInputError(
                f"a feature of field {self.name!r} has length {length:.4g}, and NearID compares by cosine: create the "
                'space with "format": "normalization" for this field, or give vectors of length 1'
            )
        return unit

    def score(self, cosine: float) -> float:
        """The score of 2021 for a cosine similarity of two vectors of length 1.

        >>> VectorField("image", 2).score(0.5), VectorField("image", 2, metric="L2").score(0.5)
        (0.5, 1.0)
        """
        return cosine if self.metric == "InnerProduct" else max(0.0, 2 - 2 * cosine)

    def cosines(self, low: float, high: float) -> tuple[float, float]:
        """The smallest and largest cosine whose scores lie between two ends.

        >>> VectorField("image", 2, metric="L2").cosines(0.0, 0.5)
        (0.75, 1.0)
        """
        return (low, high) if self.metric == "InnerProduct" else (1 - high / 2, 1 - low / 2)


def _float(number: object) -> float:
    try:
        return float(number)  # type: ignore[arg-type]
    except OverflowError:
        return float("inf")
