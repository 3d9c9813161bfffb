"""Training to say whether two photos show the same item."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from util.networks.siamese import DIFFERENT, SAME, SiameseNetwork
from util.training.batch import Batch
from util.training.plans import Indices
from util.training.trained_network import TrainedNetwork

_PAIRS_A_QUERY = 5  # of one item, and as many of others, in validation


class PairTraining(TrainedNetwork):
    """Cross-entropy of `[same, different]` over pairs of a batch's photos; every photo is embedded once.

    From random weights pairs alone teach little: one bit each, of which the easy ones soon say nothing. So a loss that
    tells all items apart may be added (Y. Sun et al., "Deep Learning Face Representation by Joint
    Identification-Verification", NIPS 2014).
    """

    @property
    def embedding_part(self) -> nn.Module:
        """The branch that both photos go through."""
        return self._siamese.branch

    @property
    def _siamese(self) -> SiameseNetwork:
        return cast(SiameseNetwork, self.network)

    def loss_of(self, batch: Batch) -> torch.Tensor:
        """Cross-entropy over the batch's pairs, and the loss on embeddings where one is asked for."""
        embeddings = self.embed(batch.images)
        first, second, same = batch.pairs.unbind(1)
        logits = self._siamese.pair_logits(embeddings[first], embeddings[second])
        loss = functional.cross_entropy(logits.float(), torch.where(same == 1, SAME, DIFFERENT))
        if self.config.embedding_loss:
            loss = loss + self.config.embedding_loss * self.loss(embeddings, batch.labels)
        return loss

    def measured(self, embeddings: torch.Tensor) -> dict[str, float]:
        """Adds how well pairs are told apart: the area under the ROC over pairs that are the same each time."""
        return super().measured(embeddings) | {"val_auroc": self._auroc(embeddings)}

    def _auroc(self, embeddings: torch.Tensor) -> float:
        """Of the pair head, over each query with photos of its item, and with as many of others.

        The pairs are drawn once: pairs that the network itself finds hardest would be harder the better it is.
        """
        from torchmetrics.functional.classification import binary_auroc

        queries, gallery, truth = (torch.from_numpy(column).to(embeddings.device) for column in self._validation_pairs)
        logits = self._siamese.pair_logits(embeddings[queries], embeddings[gallery])
        return float(binary_auroc(logits.float().softmax(1)[:, SAME], truth))

    @cached_property
    def _validation_pairs(self) -> tuple[Indices, Indices, Indices]:
        """(P,) places of queries, of what each is paired with, and whether both show one item."""
        known, random = self.validation, np.random.default_rng(self.config.seed)
        start = known.n_gallery
        shown = np.arange(start) if start else np.arange(len(known.items))
        rows: list[tuple[int, int, int]] = []
        for query in range(start, len(known.items)):
            same = known.items[shown] == known.items[query]
            right = shown[same & (shown != query)]
            right = random.permutation(right)[:_PAIRS_A_QUERY]
            wrong = random.choice(shown[~same], len(right)) if not same.all() else right[:0]
            rows += [(query, int(other), 1) for other in right] + [(query, int(other), 0) for other in wrong]
        queries, gallery, truth = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        return queries, gallery, truth
