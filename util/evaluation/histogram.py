"""Score histograms of what should and what should not be similar, small enough to be kept and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from util.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """Two histograms over the same bins.

    Attributes:
        edges: B + 1 rising scores; a bin holds its lower edge, the last one also its upper edge.
        same: B counts of scores of the same item.
        different: B counts of scores of different items.
    """

    edges: tuple[float, ...]
    same: tuple[int, ...]
    different: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or not len(self.same) == len(self.different) == len(self.edges) - 1:
            raise InvalidInputError(
                f"{len(self.edges)} edges need one count fewer, got {len(self.same)} and {len(self.different)}"
            )
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise InvalidInputError("the edges of a histogram rise")

    @classmethod
    def from_scores(cls, same: ArrayLike, different: ArrayLike, *, bins: int = 50) -> Self:
        """Counts scores in bins from the lowest to the highest one.

        Scores of -inf (not seen, because a ranking was cut) are left out; with no score at all the bins cover [0, 1].

        Args:
            same: scores of the same item, of any shape.
            different: scores of different items, of any shape.
            bins: how many.

        Raises:
            InvalidInputError: if ``bins`` is below 1 or a score is NaN or +inf.

        >>> ScoreHistogram.from_scores([0.9, 1.0], [0.0, 0.1], bins=2)
        ScoreHistogram(edges=(0.0, 0.5, 1.0), same=(0, 2), different=(2, 0))
        """
        if bins < 1:
            raise InvalidInputError(f"a histogram needs at least 1 bin, not {bins}")
        scores = [np.asarray(part, dtype=np.float64).ravel() for part in (same, different)]
        scores = [part[~np.isneginf(part)] for part in scores]
        if not all(np.all(np.isfinite(part)) for part in scores):
            raise InvalidInputError("a histogram cannot hold NaN or infinite scores")
        # Finding the range of both together, numpy also widens the bins where all scores are equal.
        edges = np.histogram_bin_edges(np.concatenate(scores), bins=bins)
        counts = [np.histogram(part, bins=edges)[0].tolist() for part in scores]
        return cls(tuple(edges.tolist()), tuple(counts[0]), tuple(counts[1]))

    def to_json(self) -> dict[str, list[float] | list[int]]:
        """As a plain dictionary."""
        return {"edges": list(self.edges), "same": list(self.same), "different": list(self.different)}
