"""From an objective's name to the plan of its epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from util.metric_learning.hard_negatives import mine_hard_negatives
from util.metric_learning.pairs import PairSampling
from util.metric_learning.relevance_triplets import RelevanceTriplets
from util.metric_learning.samplers import build_sampler
from util.metric_learning.triplets import RandomTriplets
from util.training.configuration import TrainingConfig
from util.training.data import VALIDATION_BATCH, TrainingData
from util.training.plans import EpochPlan, Indices, StepPlan, drawn
from util.training.relevance import relevance_triplets

if TYPE_CHECKING:
    from util.training.trained_network import TrainedNetwork

Embed = Callable[[], np.ndarray[Any, np.dtype[np.float32]]]

_HARD_TUPLES = 2000  # anchors an epoch, as the published training takes them
_NEGATIVES = 5


def plan_for(config: TrainingConfig, data: TrainingData, trained: TrainedNetwork, *, models_dir: Path) -> EpochPlan:
    """The plan of a run's epochs.

    Args:
        config: names the objective.
        data: the photos.
        trained: the network, for what is mined with it.
        models_dir: folder of extractors, for one that says how alike photos are.

    Raises:
        InvalidInputError: if the objective asks for what the photos do not have, or for an unknown sampler.
        ExtractorUnavailableError: if the extractor that triplets are drawn by cannot be loaded.
    """
    if config.objective == "pairs":
        sampling = PairSampling(data.labels, seed=config.seed, hard_share=config.hard_share)
        embed = (lambda: _embedded(data, trained)) if config.hard_share else None
        return PairPlan(sampling, batch_size=config.batch_size, seed=config.seed, embed=embed)
    if config.objective == "triplets":
        relevance = None
        if config.relevance is not None:
            relevance = relevance_triplets(
                config.relevance, data.images, data.labels, seed=config.seed, models_dir=models_dir
            )
        return TripletPlan(data.labels, batch_size=config.batch_size, seed=config.seed, relevance=relevance)
    if config.objective == "hard_negatives":
        return HardNegativePlan(
            data.labels, batch_size=config.batch_size, seed=config.seed, embed=lambda: _embedded(data, trained)
        )
    sampler = build_sampler(config.sampler, labels=data.labels, batch_size=config.batch_size, seed=config.seed)
    return SampledPlan(sampler, seed=config.seed)


class SampledPlan(EpochPlan):
    """Batches as a sampler draws them.

    Args:
        sampler: of ``util.metric_learning.samplers``: gives positions batch by batch, by seed and epoch.
        seed: of the augmentation.
    """

    def __init__(self, sampler: Any, *, seed: int) -> None:
        super().__init__(seed=seed)
        self.sampler = sampler

    def __len__(self) -> int:
        return len(self.sampler)

    def steps(self, epoch: int) -> Iterator[StepPlan]:
        """One step a batch of the sampler."""
        self.sampler.set_epoch(epoch)
        random = self.random(epoch)
        for photos in self.sampler:
            yield drawn(photos, random)


class PairPlan(EpochPlan):
    """Pairs of the same and of different items, as many of either kind, drawn anew each epoch.

    ``PairSampling`` draws ten pairs for each photo; an epoch takes the first of them, in their random order, one pair
    for each photo of the set, so that an epoch is as long as others are.

    Args:
        sampling: draws the pairs.
        batch_size: photos a batch; a pair has two.
        seed: of the augmentation.
        embed: (N, D) embeddings of all photos by the network as it is now, where ``sampling`` draws hard pairs.
    """

    def __init__(self, sampling: PairSampling, *, batch_size: int, seed: int, embed: Embed | None = None) -> None:
        super().__init__(seed=seed)
        self.sampling, self.embed = sampling, embed
        self.pairs_a_batch = max(1, batch_size // 2)

    def __len__(self) -> int:
        return max(1, self.sampling.photos // self.pairs_a_batch)

    def steps(self, epoch: int) -> Iterator[StepPlan]:
        """Of the epoch's pairs, in their random order, as many as there are photos: ten epochs for all pairs."""
        embeddings = self.embed() if self.embed is not None else None
        pairs, random = self.sampling.epoch(epoch, embeddings=embeddings), self.random(epoch)
        for start in range(0, len(self) * self.pairs_a_batch, self.pairs_a_batch):
            rows = slice(start, start + self.pairs_a_batch)
            first, second = pairs.first[rows], pairs.second[rows]
            count = len(first)
            places = np.arange(count)
            yield drawn(
                np.concatenate([first, second]),
                random,
                variants=np.concatenate([np.zeros(count, np.int64), pairs.variant[rows].astype(np.int64)]),
                pairs=np.column_stack([places, places + count, pairs.same[rows].astype(np.int64)]),
            )


class TripletPlan(EpochPlan):
    """Triplets drawn anew each epoch, as many as there are photos with a positive.

    Args:
        labels: (N,) the item of each photo.
        batch_size: photos a batch; a triplet has three.
        seed: of the drawing.
        relevance: draws them; without it each photo is an anchor once.
    """

    def __init__(
        self, labels: Indices, *, batch_size: int, seed: int, relevance: RelevanceTriplets | None = None
    ) -> None:
        super().__init__(seed=seed)
        self.sampling, self.relevance = RandomTriplets(labels, seed=seed), relevance
        self.triplets_a_batch = max(1, batch_size // 3)
        self.count = len(self.sampling.epoch(0))

    def __len__(self) -> int:
        return math.ceil(self.count / self.triplets_a_batch)

    def steps(self, epoch: int) -> Iterator[StepPlan]:
        """Batches of triplets."""
        yield from _tuple_steps(self._triplets(epoch), self.triplets_a_batch, self.random(epoch))

    def _triplets(self, epoch: int) -> Indices:
        if self.relevance is None:
            return self.sampling.epoch(epoch)
        found = self.relevance.epoch(epoch, count=self.count)
        return np.resize(found, (self.count, 3))  # where a wide margin leaves few, these come again


class HardNegativePlan(EpochPlan):
    """Tuples of anchor, positive and the hardest negatives of other items, mined with the network as it is.

    Args:
        labels: (N,) the item of each photo.
        batch_size: photos a batch; a tuple has seven.
        seed: of the drawing.
        embed: (N, D) embeddings of all photos by the network as it is now.
    """

    def __init__(self, labels: Indices, *, batch_size: int, seed: int, embed: Embed) -> None:
        super().__init__(seed=seed)
        self.labels, self.embed = labels, embed
        self.negatives = min(_NEGATIVES, len(np.unique(labels)) - 1)
        self.tuples_a_batch = max(1, batch_size // (2 + self.negatives))
        counts = np.bincount(labels)
        self.count = min(_HARD_TUPLES, int(counts[counts > 1].sum()))

    def __len__(self) -> int:
        return math.ceil(self.count / self.tuples_a_batch)

    def steps(self, epoch: int) -> Iterator[StepPlan]:
        """Batches of tuples, in random order."""
        mined = mine_hard_negatives(
            self.embed(), self.labels, count=self.count, negatives=self.negatives, seed=self.seed, epoch=epoch
        )
        random = self.random(epoch)
        yield from _tuple_steps(random.permutation(mined.tuples), self.tuples_a_batch, random)


def _tuple_steps(tuples: Indices, size: int, random: np.random.Generator) -> Iterator[StepPlan]:
    """Batches of tuples of anchor, positive, and negatives."""
    width = tuples.shape[1]
    for start in range(0, len(tuples), size):
        part = tuples[start : start + size]
        places = np.arange(part.size).reshape(part.shape)
        triplets = np.concatenate([places[:, [0, 1, other]] for other in range(2, width)])
        yield drawn(part.ravel(), random, triplets=triplets)


def _embedded(data: TrainingData, trained: TrainedNetwork) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Embeddings of all training photos as the extractor would prepare them; the network is left as it was."""
    learning = trained.training
    trained.eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(data.images), VALIDATION_BATCH):
            records = data.images.records[start : start + VALIDATION_BATCH]
            pictures = torch.from_numpy(np.stack([data.images.prepared(record, keep=True) for record in records]))
            rows.append(trained.embed(pictures.to(trained.device)).float().cpu().numpy())
    trained.train(learning)
    return np.concatenate(rows)
