"""Training to say whether two photos show the same item."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from util.networks.siamese import DIFFERENT, SAME, SiameseNetwork
from util.training.batch import Batch
from util.training.trained_network import TrainedNetwork

AUROC = "val_auroc"
"""What the best weights of a verifier are chosen by."""


class PairTraining(TrainedNetwork):
    """Cross-entropy of `[same, different]` over pairs of a batch's photos; every photo is embedded once.

    From random weights pairs alone teach little: one bit each, of which the easy ones soon say nothing. So a loss that
    tells all items apart may be added (Y. Sun et al., "Deep Learning Face Representation by Joint
    Identification-Verification", NIPS 2014).
    """

    chosen_by = AUROC

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
        """Adds how well pairs are told apart: every query with its nearest right and its nearest wrong photo."""
        return super().measured(embeddings) | {AUROC: self._auroc(embeddings)}

    def _auroc(self, embeddings: torch.Tensor) -> float:
        """Area under the ROC of the hardest pairs: each query against its nearest photo of its item, and of others."""
        from torchmetrics.functional.classification import binary_auroc

        items = torch.from_numpy(self.validation.items).to(embeddings.device)
        start = self.validation.n_gallery
        queries, asked = embeddings[start:], items[start:]
        gallery, shown = (embeddings[:start], items[:start]) if start else (queries, asked)
        scores = functional.normalize(queries) @ functional.normalize(gallery).T
        if not start:
            scores.fill_diagonal_(-2)
        same = asked[:, None] == shown[None]
        answers, truth = [], []
        for wanted in (same, ~same):
            best = scores.masked_fill(~wanted, -2).max(1)
            found = best.values > -2
            logits = self._siamese.pair_logits(queries[found], gallery[best.indices[found]])
            answers.append(logits.float().softmax(1)[:, SAME])
            truth.append(torch.full((int(found.sum()),), int(wanted is same), device=embeddings.device))
        return float(binary_auroc(torch.cat(answers), torch.cat(truth)))
