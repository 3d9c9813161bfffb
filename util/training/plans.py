"""Which photos a step sees: plans of an epoch that depend on seed and epoch alone, so a resumed run repeats them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def _no_rows(width: int) -> Callable[[], Indices]:
    return lambda: np.empty((0, width), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What one step of training sees.

    Attributes:
        photos: (B,) positions in the training set.
        variants: (B,) indices in ``util.metric_learning.pairs.VARIANTS``.
        seeds: (B,) of the augmentation of each.
        pairs: (P, 3) rows of two places in the batch, and 1 where both show the same item, else 0.
        triplets: (T, 3) rows of places in the batch: anchor, positive, negative.
    """

    photos: Indices
    variants: Indices
    seeds: Indices
    pairs: Indices = field(default_factory=_no_rows(3))
    triplets: Indices = field(default_factory=_no_rows(3))


class EpochPlan(ABC):
    """The steps of each epoch.

    Args:
        seed: of the run.
    """

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    @abstractmethod
    def steps(self, epoch: int) -> Iterator[StepPlan]:
        """The steps of one epoch, in order."""

    @abstractmethod
    def __len__(self) -> int:
        """How many steps an epoch has."""

    def random(self, epoch: int) -> np.random.Generator:
        """Randomness that belongs to one epoch."""
        return np.random.default_rng([self.seed, epoch])


def drawn(photos: Sequence[int] | Indices, random: np.random.Generator, **more: Indices) -> StepPlan:
    """A step with fresh augmentation of each photo."""
    positions = np.asarray(photos, dtype=np.int64)
    variants = more.pop("variants", np.zeros(len(positions), dtype=np.int64))
    return StepPlan(positions, variants, random.integers(2**31, size=len(positions)), **more)


class Batches:
    """The steps of the current epoch, as a data loader samples them; several devices share them out.

    Args:
        plan: of each epoch.
        rank: of this device.
        devices: how many there are.
    """

    def __init__(self, plan: EpochPlan, *, rank: int = 0, devices: int = 1) -> None:
        self.plan, self.rank, self.devices = plan, rank, devices
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch, also after a run is taken up again."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.plan) // self.devices

    def __iter__(self) -> Iterator[StepPlan]:
        whole_rounds = len(self) * self.devices
        for number, step in enumerate(self.plan.steps(self.epoch)):
            if number < whole_rounds and number % self.devices == self.rank:
                yield step
