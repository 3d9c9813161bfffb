"""The contract of a verifier: images in, probabilities that they show the same item out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError


class Verifier(ABC):
    """Says whether two images show the same item.

    Attributes:
        name: what ``load_verifier`` takes.
        default_threshold: the threshold where the user asks for no other.
        threshold: probability from which two images count as the same item, in [0, 1].
    """

    name: str
    default_threshold: float = 0.5
    threshold: float

    def __init__(self, *, threshold: float | None = None) -> None:
        """Takes the option that every verifier has.

        Args:
            threshold: in place of ``default_threshold``.

        Raises:
            InvalidInputError: if it is outside [0, 1].
        """
        chosen = self.default_threshold if threshold is None else threshold
        if not 0 <= chosen <= 1:
            raise InvalidInputError(f"the threshold of a verifier is a probability in [0, 1], not {chosen}")
        self.threshold = float(chosen)

    @abstractmethod
    def probabilities(
        self, queries: Sequence[NDArray[np.uint8]], candidates: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """How probable it is that a query and a candidate show the same item, for all pairs of them.

        Args:
            queries: Q decoded images, uint8 H×W×3 (RGB) or H×W×4 (RGBA), as ``util.images.read_image`` returns them.
            candidates: N more. The answer for a pair does not depend on the other pairs.

        Returns:
            float32 (Q, N), in [0, 1]; bigger is more probable.
        """
