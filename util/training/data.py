"""From paths to batches: reading, splitting, checking, and the data loaders of a run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from util.datasets import ItemFrom, read_dataset, split_item_disjoint, split_stratified, with_content_hashes
from util.errors import DatasetError, ImageError
from util.images import DEFAULT_LIMITS, ImageLimits
from util.preprocess.cache import PreprocessCache
from util.preprocess.recipe import Recipe
from util.records import ImageRecord
from util.training.batch import PlainBatches, PlannedBatches
from util.training.configuration import TrainingConfig
from util.training.images import LeftOut, Pixels, TrainingImages
from util.training.plans import Batches, EpochPlan, Indices
from util.training.validation import Validation, plan_validation

Progress = Callable[[int, int | None], None]

VALIDATION_BATCH = 64


@dataclass(frozen=True, slots=True)
class Parts:
    """The photos of a run, each with an item.

    Attributes:
        training: those that are learnt from.
        held_out: those that choose the best weights.
    """

    training: list[ImageRecord]
    held_out: list[ImageRecord]


class TrainingData(LightningDataModule):
    """The photos of a run and the loaders that serve them.

    Args:
        config: says where they are and how they are split.
        limits: largest photo accepted.
        cache: keeps on disk what takes long to make: cut-outs, and views where they are few.
        progress: told after every photo that is read.

    Raises:
        DatasetError: if a part is empty, there are fewer than two items, or no item has two photos.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        limits: ImageLimits = DEFAULT_LIMITS,
        cache: PreprocessCache | None = None,
        progress: Progress = lambda done, total: None,
    ) -> None:
        super().__init__()
        self.config = config
        recipe = Recipe.parse(config.recipe)
        parts = read_parts(config)
        side = config.train_size
        size = recipe.output_size if side is None else (side, side)
        self.images = TrainingImages(
            parts.training,
            recipe,
            config.augmentation,
            size=size,  # type: ignore[arg-type] # the configuration refuses recipes without a size
            views=config.views,
            memory_bytes=config.memory_mb * 2**20,
            limits=limits,
            cache=cache,
        )
        self.images.load(workers=config.workers, progress=progress)
        self.item_names = sorted(set(self.images.items))
        numbers = {name: number for number, name in enumerate(self.item_names)}
        self.labels: Indices = np.array([numbers[item] for item in self.images.items], dtype=np.int64)
        self.left_out: list[LeftOut] = list(self.images.left_out)
        self.held_out = parts.held_out
        self.plan: EpochPlan | None = None
        self._opencv_threads = cv2.getNumThreads()

    @property
    def notices(self) -> list[str]:
        """What the user should know about the photos: one line each."""
        single = [name for name, count in sorted(Counter(self.images.items).items()) if count == 1]
        if not single:
            return []
        shown = ", ".join(repr(name) for name in single[:3]) + (" …" if len(single) > 3 else "")
        return [f"{len(single)} of {len(self.item_names)} items have one training photo only ({shown}): nothing shows "
                "the network what their photos have in common; more photos of them would help"]  # fmt: skip

    @cached_property
    def validation(self) -> Validation:
        """The photos that choose the best weights, those that cannot be read left out."""
        self._validation_pictures  # noqa: B018 # reading them finds out which can be read
        return self._validation

    @cached_property
    def _validation_pictures(self) -> list[Pixels]:
        """Gallery and queries as the extractor prepares them."""
        planned = plan_validation(self.images.records, self.held_out, seed=self.config.seed)
        pictures: list[Pixels] = []
        readable: list[int] = []
        for place, picture in enumerate(map(self._prepared, planned.records)):
            if picture is not None:
                pictures.append(picture)
                readable.append(place)
        self._validation = Validation(
            tuple(planned.records[place] for place in readable),
            planned.items[readable],
            sum(place < planned.n_gallery for place in readable),
        )
        return pictures

    def _prepared(self, record: ImageRecord) -> Pixels | None:
        try:
            return self.images.prepared(record, keep=self.config.mines)
        except ImageError as error:
            self.left_out.append(LeftOut(record.path, error.reason))
            return None

    def digest(self) -> str:
        """sha256 over the ids, items and contents of all photos of the run, in order: another set, another digest."""
        whole = hashlib.sha256()
        for record in (*self.images.records, *self.held_out):
            whole.update(f"{record.id}\t{record.item}\t{record.metadata.get('sha256', '')}\n".encode())
        return whole.hexdigest()

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches as planned for the epoch."""
        if self.plan is None:
            raise DatasetError("no plan says which photos go into a step: set TrainingData.plan first")
        self._opencv_threads = cv2.getNumThreads()
        if self.config.workers:
            # Else each forked worker inherits a pool whose threads are not there, and waits for them for ever.
            cv2.setNumThreads(1)
        trainer = self.trainer
        batches = Batches(
            self.plan, rank=trainer.global_rank if trainer else 0, devices=trainer.world_size if trainer else 1
        )
        return DataLoader(
            PlannedBatches(self.images, self.labels),
            sampler=batches,
            batch_size=None,
            num_workers=self.config.workers,
            persistent_workers=self.config.workers > 0,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_one_thread,
        )

    def teardown(self, stage: str) -> None:
        """Gives OpenCV its threads back, once there are no workers to be started any more."""
        cv2.setNumThreads(self._opencv_threads)

    def val_dataloader(self) -> DataLoader[Any]:
        """Gallery, then queries."""
        pictures = self._validation_pictures
        return DataLoader(PlainBatches(pictures, batch_size=VALIDATION_BATCH), batch_size=None, num_workers=0)


def read_parts(config: TrainingConfig) -> Parts:
    """The labelled photos of a run, split where no validation photos are named.

    Raises:
        DatasetError: if a part is empty, there are fewer than two items, or no item has two photos.
    """
    item_from = cast(ItemFrom, config.item_from)  # read_dataset says what there is
    whole = _labelled(read_dataset(config.train, item_from=item_from), config.train)
    if config.validation is not None:
        held_out = _labelled(read_dataset(config.validation, item_from=item_from), config.validation)
        parts = Parts(with_content_hashes(whole), with_content_hashes(held_out))
    else:
        shares = {"training": 1 - config.validation_share, "validation": config.validation_share}
        divide = split_stratified if config.split == "photo" else split_item_disjoint
        made = divide(with_content_hashes(whole), shares, seed=config.seed, group_by="sha256")
        parts = Parts(made["training"], made["validation"])
        if not parts.training or not parts.held_out:
            raise DatasetError(
                f"{len(whole)} photos cannot be split into training and {config.validation_share:.0%} validation by "
                f"{config.split}: give more photos, another validation_share, or validation photos of their own"
            )
    _require_learnable(parts.training, config.train)
    return parts


def _labelled(records: Sequence[ImageRecord], source: str) -> list[ImageRecord]:
    labelled = [record for record in records if record.item is not None]
    if not labelled:
        raise DatasetError(
            f"none of the {len(records)} photos in {source} says which item it shows: put each item's photos into a "
            "folder of its own, or give a list with a column item"
        )
    return labelled


def _require_learnable(training: Sequence[ImageRecord], source: str) -> None:
    counts = Counter(record.item for record in training)
    if len(counts) < 2:
        raise DatasetError(f"{source} shows {len(counts)} item: telling items apart is learnt from two at least")
    if max(counts.values()) < 2:
        raise DatasetError(
            f"each of the {len(counts)} items in {source} has one training photo: what photos of one item have in "
            "common is learnt from two at least"
        )


def _one_thread(worker: int) -> None:
    """Workers run beside one another: one that starts threads takes them from the others."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
