"""Which pairs or triplets of a batch a loss looks at, by name: the miners of pytorch-metric-learning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from pytorch_metric_learning import miners as library  # type: ignore[import-untyped]
from torch import nn

from util.metric_learning.embedding_loss import Mined
from util.metric_learning.specification import Choice, Option, Specification, choose


class Miner(nn.Module):
    """A miner that compares embeddings in 32 bits, under autocast too: nearly identical items differ in the last ones.

    Args:
        miner: called as ``miner(embeddings, labels)``.
    """

    def __init__(self, miner: Callable[[torch.Tensor, torch.Tensor], Mined]) -> None:
        super().__init__()
        self.miner = miner

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> Mined:
        """Float (N, D) and int64 (N,) to positions of triplets or pairs in the batch; no gradient flows through."""
        with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
            return self.miner(embeddings.detach().float(), labels)


def build_miner(specification: Specification | nn.Module | None) -> Miner | None:
    """The miner of this name, or the one given.

    Args:
        specification: a name of ``MINERS``; a mapping with ``name`` and options; a module called as
            ``miner(embeddings, labels)``; ``None`` or ``none`` for all pairs.

    Returns:
        The miner, ``None`` where nothing is to be mined.

    Raises:
        InvalidInputError: if the name or an option is unknown or out of range.

    >>> build_miner({"name": "multi_similarity", "epsilon": 0.2}).miner.epsilon
    0.2
    """
    if specification is None or isinstance(specification, Miner):
        return specification
    if isinstance(specification, nn.Module):
        return Miner(specification)
    chosen, options = choose(specification, _MINERS, sort="miner")
    return chosen.make(**options)


def _nothing() -> None:
    return None


def _of_library(kind: type[nn.Module], **options: object) -> Miner:
    return Miner(kind(**options))


def _distance(default: float) -> Option:
    return Option(default, least=0, most=2)  # unit vectors lie no farther apart


_MINERS: dict[str, Choice[Miner | None]] = {
    "none": Choice(_nothing),
    "multi_similarity": Choice(
        partial(_of_library, library.MultiSimilarityMiner), {"epsilon": Option(0.1, least=0, most=2)}
    ),
    "batch_hard": Choice(partial(_of_library, library.BatchHardMiner)),
    "batch_easy_hard": Choice(
        partial(_of_library, library.BatchEasyHardMiner),
        {
            "pos_strategy": Option("easy", choices=("easy", "hard", "all")),
            "neg_strategy": Option("hard", choices=("easy", "hard", "all")),
        },
    ),
    "triplet_margin": Choice(
        partial(_of_library, library.TripletMarginMiner),
        {
            "margin": _distance(0.2),
            "type_of_triplets": Option("semihard", choices=("all", "hard", "semihard", "easy")),
        },
    ),
    "pair_margin": Choice(
        partial(_of_library, library.PairMarginMiner),
        {"pos_margin": _distance(0.2), "neg_margin": _distance(0.8)},
    ),
    "distance_weighted": Choice(
        partial(_of_library, library.DistanceWeightedMiner),
        {"cutoff": _distance(0.5), "nonzero_loss_cutoff": _distance(1.4)},
    ),
    "angular": Choice(partial(_of_library, library.AngularMiner), {"angle": Option(20.0, least=0, most=90)}),
}

MINERS = tuple(_MINERS)
"""The names that ``build_miner`` takes. Margins are Euclidean distances of unit vectors, the angle is in degrees."""
