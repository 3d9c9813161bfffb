"""Training photos: read once, kept small in memory, and taken through augmentation and recipe on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from util.errors import DatasetError, ImageError
from util.images import DEFAULT_LIMITS, ImageLimits, content_hash, read_bytes, read_image
from util.preprocess.cache import PreprocessCache
from util.preprocess.framing import limit_longest
from util.preprocess.recipe import Recipe, Step
from util.records import ImageRecord
from util.training.augmentation import AugmentationConfig, Augmenter

Pixels = NDArray[np.uint8]

_ROOM_TO_CROP = 2.0  # source pixels kept for each pixel of a training image, along a side


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that takes no part in training, and why."""

    path: str
    error: str


@dataclass
class TrainingImages:
    """Labelled photos as a network is trained with them.

    The recipe's steps up to background removal and its crop are the same each time: they are done once, and kept.
    Then comes augmentation, which makes another photo of the item, and then the rest of the recipe, as for any photo.

    Attributes:
        records: the photos that could be read, each with an item.
        recipe: of the extractor.
        augmentation: how photos are varied.
        size: (height, width) of augmented images.
        memory_bytes: how many bytes of photos are kept, decoded ones first.
        views: how many different views of each photo there are; 0 for one a seed.
        limits: largest photo accepted.
        cache: keeps cut-outs on disk, and views where they are few.
    """

    records: Sequence[ImageRecord]
    recipe: Recipe
    augmentation: AugmentationConfig
    size: tuple[int, int]
    views: int = 0
    memory_bytes: int = 2**31
    limits: ImageLimits = DEFAULT_LIMITS
    cache: PreprocessCache | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._first, rest = self.recipe.split_after("background", "crop")
        self._rest = Recipe(tuple(step for step in rest.steps if step.kind.channels == 3))
        self._channels = Recipe(tuple(step for step in rest.steps if step.kind.channels != 3))
        self._small_rest = _resized(self._rest, self.size)
        self._augmenter = Augmenter(self.augmentation, size=self.size)
        self._kept: dict[int, Pixels] = {}
        self._prepared: dict[str, Pixels] = {}
        self._used = 0

    def __len__(self) -> int:
        return len(self.records)

    @property
    def items(self) -> list[str]:
        """The item of each photo."""
        return [str(record.item) for record in self.records]

    def load(self, *, workers: int, progress: Callable[[int, int | None], None]) -> None:
        """Reads all photos, keeps what memory allows, and drops those that cannot be read.

        Raises:
            DatasetError: if none can be read.
        """
        good: list[ImageRecord] = []
        with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:
            for done, outcome in enumerate(pool.map(partial(_read_or_error, self._source), self.records), start=1):
                record = self.records[done - 1]
                if isinstance(outcome, ImageError):
                    self.left_out.append(LeftOut(record.path, outcome.reason))
                else:
                    self._keep(len(good), outcome)
                    good.append(record)
                progress(done, len(self.records))
        if not good:
            first = f", for example {self.left_out[0].path}: {self.left_out[0].error}" if self.left_out else ""
            raise DatasetError(f"none of {len(self.records)} training photos can be read{first}")
        self.records = good

    def augmented(self, position: int, seed: int, *, variant: int = 0) -> Pixels:
        """One photo, varied: uint8 (H, W, C), the same for the same seed.

        Args:
            position: of the photo.
            seed: of the augmentation; where there are few views, it chooses one of them.
            variant: index in ``util.metric_learning.pairs.VARIANTS``.
        """
        if not self.views:
            return self._made(position, seed, variant)
        view = seed % self.views
        if self.cache is None:
            return self._made(position, view, variant)
        return self.cache.get_or_make(
            self._view_digest(position, view, variant), self.recipe, lambda: self._made(position, view, variant)
        )

    def _made(self, position: int, seed: int, variant: int) -> Pixels:
        picture = self._small_rest.apply(self._augmenter(self._get(position), seed))
        return self._with_channels(_variant(picture, variant))

    def _view_digest(self, position: int, view: int, variant: int) -> str:
        """sha256 over all that a view is made of besides the recipe."""
        record = self.records[position]
        photo = record.metadata.get("sha256") or content_hash(read_bytes(record.path, limits=self.limits))
        parts = (photo, self.augmentation.model_dump_json(), self.size, view, variant)
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()

    def prepared(self, record: ImageRecord, *, keep: bool = False) -> Pixels:
        """A photo exactly as the extractor prepares it: uint8 (H, W, C).

        Args:
            record: the photo.
            keep: whether it will be wanted again, and is to stay in memory where there is room.

        Raises:
            ImageError: if it cannot be read.
        """
        # Not made of the decoded photos that are kept: those are smaller, and resizing twice is not resizing once.
        picture = self._prepared.get(record.path)
        if picture is None:
            picture = self._prepare(record)
            if keep and self._takes(picture):
                self._prepared[record.path] = picture
        return picture

    def _prepare(self, record: ImageRecord) -> Pixels:
        if self.cache is None:
            return self.recipe.apply(self._decoded(record))
        first = self._first_steps(record)
        return Recipe((*self._rest.steps, *self._channels.steps)).apply(first)

    def _with_channels(self, picture: Pixels) -> Pixels:
        return self._channels.apply(picture) if self._channels.steps else picture

    def _get(self, position: int) -> Pixels:
        kept = self._kept.get(position)
        return kept if kept is not None else self._source(self.records[position])

    def _keep(self, position: int, image: Pixels) -> None:
        if self._takes(image):
            self._kept[position] = image

    def _takes(self, image: Pixels) -> bool:
        """Whether there is room for an image, which it has from now on."""
        fits = self._used + image.nbytes <= self.memory_bytes
        self._used += image.nbytes if fits else 0
        return fits

    def _source(self, record: ImageRecord) -> Pixels:
        """A photo after the steps that are the same each time, no larger than augmentation has use for."""
        image = self._first_steps(record)
        longest = round(max(self.size) * _ROOM_TO_CROP)
        return np.ascontiguousarray(limit_longest(image, side=longest))

    def _first_steps(self, record: ImageRecord) -> Pixels:
        if not self._first.steps:
            return self._decoded(record)
        if self.cache is None:
            return self._first.transform(self._decoded(record))
        data = read_bytes(record.path, limits=self.limits)

        def make() -> Pixels:
            return self._first.transform(read_image(data, limits=self.limits, name=record.path))

        return self.cache.get_or_make(content_hash(data), self._first, make, see_through=True)

    def _decoded(self, record: ImageRecord) -> Pixels:
        return read_image(record.path, limits=self.limits)


def _read_or_error(read: Callable[[ImageRecord], Pixels], record: ImageRecord) -> Pixels | ImageError:
    try:
        return read(record)
    except ImageError as error:
        return error


def _variant(picture: Pixels, variant: int) -> Pixels:
    if variant == 0:
        return picture
    from util.preprocess.exposure import exposure_pair

    return exposure_pair(picture)[variant - 1]


def _resized(recipe: Recipe, size: tuple[int, int]) -> Recipe:
    """The recipe with images of another size at its end."""
    height, width = size
    if recipe.output_size == size:
        return recipe
    wanted = Step("resize", f"{width}x{height}")
    last = max((place for place, step in enumerate(recipe.steps) if step.name == "resize"), default=None)
    if last is None or any(step.name == "center" for step in recipe.steps):
        return Recipe((*recipe.steps, wanted))
    return Recipe((*recipe.steps[:last], wanted, *recipe.steps[last + 1 :]))
