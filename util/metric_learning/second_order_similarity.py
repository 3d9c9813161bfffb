"""Triplet loss with second-order similarity: equal distances, seen from anchor and positive alike."""

from __future__ import annotations

import torch
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_triplets  # type: ignore[import-untyped]
from torch.nn import functional

from util.metric_learning.embedding_loss import EmbeddingLoss, Mined


class SecondOrderSimilarityLoss(EmbeddingLoss):
    """Triplet loss on squared distances, plus how differently anchor and positive lie to the same negatives.

    For every pair of an anchor a and a positive p, with its negatives n, all unit vectors:

        Σₙ max(0, d²(a, p) − d²(a, n) + margin)  +  weight · √( Σₙ (d²(a, n) − d²(p, n))² )

    and the mean of that over the pairs. Source: Y. Tian et al., "SOSNet: second order similarity regularization for
    local descriptor learning", CVPR 2019, in the form that T. Ng et al., "SOLAR: second-order loss and attention for
    image retrieval", ECCV 2020, trained with: squared distances, margin 1.25, weight 10. The first sum grows with the
    number of negatives n, the second with its root, so the weight holds for few negatives a pair (SOLAR has five).

    Args:
        margin: by how much the squared distance to a negative should exceed that to the positive; squared distances
            of unit vectors are in [0, 4].
        weight: of the second-order term.
    """

    def __init__(self, *, margin: float = 1.25, weight: float = 10.0) -> None:
        super().__init__()
        self.margin, self.weight = margin, weight

    def compute(self, embeddings: torch.Tensor, labels: torch.Tensor, mined: Mined | None) -> torch.Tensor:
        """Over the triplets mined, or all of the batch."""
        anchors, positives, negatives = convert_to_triplets(mined, labels, t_per_anchor="all")
        if not len(anchors):
            return embeddings.sum() * 0
        squared = _squared_distances(functional.normalize(embeddings))
        to_anchor, to_positive = squared[anchors, negatives], squared[positives, negatives]
        hinges = functional.relu(squared[anchors, positives] - to_anchor + self.margin)
        pairs, pair_of = torch.unique(anchors * len(embeddings) + positives, return_inverse=True)
        sums = embeddings.new_zeros(len(pairs)).index_add(0, pair_of, (to_anchor - to_positive).square())
        return (hinges.sum() + self.weight * _root(sums).sum()) / len(pairs)

    def extra_repr(self) -> str:
        """Its settings, for messages."""
        return f"margin={self.margin}, weight={self.weight}"


def _squared_distances(units: torch.Tensor) -> torch.Tensor:
    """(N, D) unit rows to (N, N) in [0, 4]."""
    return 2 - 2 * units @ units.T


def _root(sums: torch.Tensor) -> torch.Tensor:
    """Square roots whose gradient at zero is zero, not infinite: two equal embeddings are no error."""
    positive = sums > 0
    return torch.where(positive, sums, 1).sqrt() * positive
