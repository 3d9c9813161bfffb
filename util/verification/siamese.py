"""A trained Siamese network as a verifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from util.image_extract._checkpoint import CheckpointExtractor
from util.records import Embeddings
from util.verification.base import Verifier

if TYPE_CHECKING:
    from util.networks.siamese import SiameseNetwork


class SiameseVerifier(Verifier):
    """Embeds every image once and lets the network's pair head compare the embeddings.

    The network is loaded as the extractor that it also is, so that an image goes through the same preprocessing
    whether it is indexed or verified. The head takes embeddings of any length, hence the extractor's unit rows too.

    The head learned on as many pairs of one item as of two, drawn at random: 0.5, where both are equally probable, is
    right for such pairs. Nearly identical items it has seen less of, and a probability of 0.9 need not mean that nine
    of ten such pairs are the same; ``util.evaluation.pair_verification`` measures it.

    Attributes:
        extractor: the branch, with its preprocessing.
    """

    extractor: CheckpointExtractor

    def __init__(self, *, name: str, models_dir: Path, device: str = "auto", threshold: float | None = None) -> None:
        """Loads the network of a card.

        Args:
            name: what weights and card are called, without their endings.
            models_dir: folder they are in.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            threshold: probability from which two images count as the same item; ``None`` for 0.5.

        Raises:
            InvalidInputError: if the threshold is out of range, or the device is not there.
            WeightsMissingError: if the weights are not there.
            ExtractorUnavailableError: if there is no card, or the two do not belong together.
        """
        super().__init__(threshold=threshold)
        self.name = name
        self.extractor = CheckpointExtractor(name=name, models_dir=models_dir, device=device)
        self._network = cast("SiameseNetwork", self.extractor.network)

    def probabilities(
        self, queries: Sequence[NDArray[np.uint8]], candidates: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """See ``Verifier.probabilities``; each of the Q + N images is embedded once."""
        embeddings = self.extractor.extract([*queries, *candidates])
        return self.compare(embeddings[: len(queries)], embeddings[len(queries) :])

    def compare(self, queries: Embeddings, candidates: Embeddings) -> NDArray[np.float32]:
        """The pair head alone, for embeddings that are already there: those of ``self.extractor``.

        Args:
            queries: float32 (Q, D).
            candidates: float32 (N, D).

        Returns:
            float32 (Q, N), in [0, 1].
        """
        import torch

        asked, compared = (torch.from_numpy(rows).to(self.extractor.device) for rows in (queries, candidates))
        with torch.inference_mode():
            # A query at a time: the head sees 2·D numbers a pair, which for all pairs at once can fill the memory.
            rows = [self._network.same_probability(query[None], compared).cpu().numpy() for query in asked]
        return np.stack(rows) if rows else np.empty((0, len(candidates)), dtype=np.float32)
