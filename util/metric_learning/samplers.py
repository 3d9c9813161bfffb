"""Which images make up the batches of an epoch.

Every sampler gives whole batches (``DataLoader(…, batch_sampler=sampler)``), and their order depends on the seed and
the epoch alone: a run that goes on from the start of an epoch sees the batches that an unbroken run sees.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from util.errors import InvalidInputError
from util.metric_learning.items import Indices, ItemIndex, Labels
from util.metric_learning.seeding import random_of_epoch
from util.metric_learning.specification import Choice, Option, Specification, choose


class EpochBatchSampler(Sampler[list[int]], ABC):
    """Batches of image positions, drawn anew each epoch.

    Attributes:
        epoch: whose batches come next.

    Args:
        seed: of the drawing.
        replica: which of the processes that train together this one is.
        replicas: how many there are. Batch 1 goes to the first process, batch 2 to the second …; where they do not
            divide evenly, the first batches come a second time, so that no process waits for another.
    """

    def __init__(self, *, seed: int, replica: int = 0, replicas: int = 1) -> None:
        if not 0 <= replica < replicas or seed < 0:
            raise InvalidInputError(
                f"a sampler needs a seed of at least 0 and a replica below replicas, not seed={seed}, "
                f"replica={replica}, replicas={replicas}"
            )
        self.seed, self.replica, self.replicas = seed, replica, replicas
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Says whose batches come next, counted from 0."""
        self.epoch = epoch

    @property
    def sampler(self) -> EpochBatchSampler:
        """Itself: Lightning announces the epoch to ``batch_sampler.sampler``."""
        return self

    def __iter__(self) -> Iterator[list[int]]:
        batches = self.draw(random_of_epoch(self.seed, self.epoch))
        for position in range(self.replica, len(self) * self.replicas, self.replicas):
            yield batches[position % len(batches)].tolist()

    def __len__(self) -> int:
        return math.ceil(self.batches / self.replicas)

    @property
    @abstractmethod
    def batches(self) -> int:
        """Number of batches an epoch has, over all replicas."""

    @abstractmethod
    def draw(self, random: np.random.Generator) -> list[Indices]:
        """The batches of one epoch, over all replicas."""


class RandomBatches(EpochBatchSampler):
    """Every image once an epoch, in random order; the last batch holds what is left.

    A last image that would be alone joins the batch before it: batch normalisation cannot learn from one image.
    """

    def __init__(self, labels: Labels, *, batch_size: int, seed: int, replica: int = 0, replicas: int = 1) -> None:
        super().__init__(seed=seed, replica=replica, replicas=replicas)
        self._images = len(ItemIndex.of(labels).items)
        self._size = _positive(batch_size)

    @property
    def batches(self) -> int:
        """Number of batches an epoch has, over all replicas."""
        return len(_cuts(self._images, self._size)) + 1

    def draw(self, random: np.random.Generator) -> list[Indices]:
        """The images in random order, cut into batches."""
        return np.split(random.permutation(self._images), _cuts(self._images, self._size))


class MPerClassBatches(EpochBatchSampler):
    """Batches of ``m`` images of each of ``batch_size / m`` different items, as pair and triplet losses need them.

    Every image comes at least once an epoch. An item whose images do not divide by ``m`` is filled up with further
    ones of its own, an item with fewer than ``m`` repeats them (augmentation makes the copies differ), and a batch
    that would be short is filled up with random other items. Where there are fewer items than a batch has room for,
    a batch holds them all.

    Raises:
        InvalidInputError: if ``m`` does not divide the batch size, there is only one item, or a batch would hold only
            one.
    """

    def __init__(
        self, labels: Labels, *, batch_size: int, seed: int, m: int = 2, replica: int = 0, replicas: int = 1
    ) -> None:
        super().__init__(seed=seed, replica=replica, replicas=replicas)
        if batch_size % _positive(m) or _positive(batch_size) // m < 2:
            raise InvalidInputError(
                f"{m} images an item need a batch size that is twice, three times … as large, not {batch_size}"
            )
        self._index = ItemIndex.of(labels)
        self._index.require_two_items()
        self._m = m
        self._items_a_batch = min(batch_size // m, len(self._index))
        self._groups = -(-self._index.counts // m)

    @property
    def batches(self) -> int:
        """Number of batches an epoch has, over all replicas: enough that no item comes twice in one."""
        return max(-(-int(self._groups.sum()) // self._items_a_batch), int(self._groups.max()))

    def draw(self, random: np.random.Generator) -> list[Indices]:
        """Deals the items' groups of ``m`` images round the batches."""
        order = random.permutation(len(self._index))
        groups = np.concatenate([self._group(item, random) for item in order])
        owners = np.repeat(order, self._groups[order])
        # Dealt round in turn, the groups of one item (neighbours, never more than batches) meet in no batch.
        hands = [np.arange(first, len(owners), self.batches) for first in range(self.batches)]
        return [self._batch(groups[hands[i]], owners[hands[i]], random) for i in random.permutation(self.batches)]

    def _group(self, item: int, random: np.random.Generator) -> Indices:
        """The item's images, shuffled, (groups, m); the last group filled with others of the item before repeats."""
        start = self._index.starts[item]
        images = random.permutation(self._index.images[start : start + self._index.counts[item]])
        return np.resize(images, (int(self._groups[item]), self._m))

    def _batch(self, groups: Indices, owners: Indices, random: np.random.Generator) -> Indices:
        if missing := self._items_a_batch - len(owners):
            others = np.setdiff1d(np.arange(len(self._index)), owners)
            chosen = random.choice(others, missing, replace=False)
            groups = np.concatenate([groups, *(self._group(item, random)[:1] for item in chosen)])
        return groups.ravel()


class BalancedBatches(EpochBatchSampler):
    """As many images an epoch as there are, the items equally often whatever number of images they have.

    The items come in rounds, each a random order of all of them, so that their counts differ by one at most; an item
    shows another of its images each time until all have been shown. A last image that would be alone joins the batch
    before it.
    """

    def __init__(self, labels: Labels, *, batch_size: int, seed: int, replica: int = 0, replicas: int = 1) -> None:
        super().__init__(seed=seed, replica=replica, replicas=replicas)
        self._index = ItemIndex.of(labels)
        self._size = _positive(batch_size)

    @property
    def batches(self) -> int:
        """Number of batches an epoch has, over all replicas."""
        return len(_cuts(len(self._index.items), self._size)) + 1

    def draw(self, random: np.random.Generator) -> list[Indices]:
        """Rounds of all items, cut into batches."""
        images, items = len(self._index.items), len(self._index)
        rounds = -(-images // items)
        owners = np.concatenate([random.permutation(items) for _ in range(rounds)])[:images]
        turns = np.arange(images) // items
        shuffled = np.lexsort((random.random(images), self._index.items))  # by item, at random within it
        drawn = shuffled[self._index.starts[owners] + turns % self._index.counts[owners]]
        return np.split(drawn, _cuts(images, self._size))


_SAMPLERS: dict[str, Choice[EpochBatchSampler]] = {
    "random": Choice(RandomBatches),
    "m_per_class": Choice(MPerClassBatches, {"m": Option(2, least=1)}),
    "balanced": Choice(BalancedBatches),
}

SAMPLERS = tuple(_SAMPLERS)
"""The names that ``build_sampler`` takes."""


def build_sampler(
    specification: Specification | Sampler[list[int]],
    *,
    labels: Labels,
    batch_size: int,
    seed: int,
    replica: int = 0,
    replicas: int = 1,
) -> Sampler[list[int]]:
    """The sampler of this name, or the one given.

    Args:
        specification: ``random``, ``m_per_class`` (option ``m``, images an item), ``balanced``; a mapping with
            ``name`` and options; or a sampler of batches that is already made.
        labels: (N,) the item of each image, in the order of the data set.
        batch_size: images a batch.
        seed: of the drawing, 0 or more.
        replica: which of the processes that train together this is.
        replicas: how many there are.

    Returns:
        A sampler of batches with ``set_epoch``, unless another was given.

    Raises:
        InvalidInputError: if name or options are unknown, or do not go with labels and batch size.

    >>> sampler = build_sampler({"name": "m_per_class", "m": 2}, labels=[0, 0, 1, 1, 2, 2], batch_size=4, seed=0)
    >>> [len(batch) for batch in sampler]
    [4, 4]
    """
    if isinstance(specification, Sampler):
        return specification
    chosen, options = choose(specification, _SAMPLERS, sort="sampler")
    return chosen.make(labels, batch_size=batch_size, seed=seed, replica=replica, replicas=replicas, **options)


def _cuts(images: int, size: int) -> list[int]:
    """Where batches begin, the first aside; an image that would be left alone stays in the batch before."""
    cuts = list(range(size, images, size))
    one_is_left = bool(cuts) and size > 1 and images - cuts[-1] == 1
    return cuts[:-1] if one_is_left else cuts


def _positive(number: int) -> int:
    if number < 1:
        raise InvalidInputError(f"a batch needs at least one image, not {number}")
    return number
