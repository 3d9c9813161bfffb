"""A step's photos as tensors, and the data set that a data loader's workers make them from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from util.training.images import Pixels, TrainingImages
from util.training.plans import Indices, StepPlan


class Batch(NamedTuple):
    """What a step of training computes with.

    Attributes:
        images: uint8 (B, H, W, C).
        labels: int64 (B,), the number of each item.
        pairs: int64 (P, 3): two places in the batch, and 1 where both show the same item.
        triplets: int64 (T, 3): places of anchor, positive and negative.
    """

    images: torch.Tensor
    labels: torch.Tensor
    pairs: torch.Tensor
    triplets: torch.Tensor


class PlannedBatches(Dataset[Batch]):
    """Makes batches from plans; runs in the data loader's workers.

    Args:
        images: the training set.
        labels: (N,) number of each photo's item.
    """

    def __init__(self, images: TrainingImages, labels: Indices) -> None:
        self.images, self.labels = images, labels

    def __getitem__(self, step: StepPlan) -> Batch:
        drawn = zip(step.photos.tolist(), step.seeds.tolist(), step.variants.tolist(), strict=True)
        pictures = [self.images.augmented(photo, seed, variant=variant) for photo, seed, variant in drawn]
        return Batch(
            torch.from_numpy(np.stack(pictures)),
            torch.from_numpy(self.labels[step.photos]),
            torch.from_numpy(step.pairs),
            torch.from_numpy(step.triplets),
        )


class PlainBatches(Dataset[torch.Tensor]):
    """Photos as the extractor prepares them, in order, in batches: uint8 (B, H, W, C).

    Args:
        pictures: prepared photos, all of one size.
        batch_size: photos a batch.
    """

    def __init__(self, pictures: list[Pixels], *, batch_size: int) -> None:
        self.pictures, self.batch_size = pictures, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.pictures) / self.batch_size)

    def __getitem__(self, number: int) -> torch.Tensor:
        start = number * self.batch_size
        return torch.from_numpy(np.stack(self.pictures[start : start + self.batch_size]))
