"""Write preprocessed copies of many images."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from util.errors import ImageError, InvalidInputError
from util.images import DEFAULT_LIMITS, ImageLimits, read_image, write_image
from util.preprocess.recipe import Recipe
from util.records import ImageRecord
from util.search.extraction import Failure, Progress, caught, map_ahead, no_progress

FORMATS = ("png", "jpg", "webp")


@dataclass(slots=True)
class PreprocessReport:
    """What a run did: copies written, copies that were there already, images left out."""

    written: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)


def preprocess_images(
    records: Sequence[ImageRecord],
    destination: Path,
    *,
    recipe: Recipe,
    image_format: str = "png",
    flatten: bool = False,
    overwrite: bool = False,
    workers: int = 2,
    limits: ImageLimits = DEFAULT_LIMITS,
    progress: Progress = no_progress,
) -> PreprocessReport:
    """Applies a recipe to images and writes the results, in folders as their ids say.

    Each copy appears whole or not at all, and copies that are there are kept, so a run that was interrupted goes on
    where it stopped.

    Args:
        records: the images.
        destination: folder of the copies; made when it is not there.
        recipe: what to do with each.
        image_format: ``png``, ``jpg`` or ``webp``; only ``png`` and ``webp`` keep transparency.
        flatten: fills transparent parts as extractors see them instead of keeping them.
        overwrite: writes copies again that are there already.
        workers: threads.
        limits: largest image accepted.
        progress: told after every image.

    Raises:
        InvalidInputError: if the recipe does not end in a picture, the format is none of these, or two images would
            get the same copy.
    """
    if recipe.channels != 3:
        raise InvalidInputError(f"the recipe {recipe} makes no pictures: leave out its last step, {recipe.steps[-1]}")
    if image_format not in FORMATS:
        raise InvalidInputError(f"the format of the copies is one of {', '.join(FORMATS)}, not {image_format!r}")
    targets = _targets(records, destination, image_format)
    steps = recipe.apply if flatten or image_format == "jpg" else recipe.transform

    def work(pair: tuple[ImageRecord, Path]) -> Literal["written", "skipped"] | Failure:
        record, target = pair
        if target.exists() and not overwrite:
            return "skipped"
        image = caught(lambda: steps(read_image(record.path, limits=limits)))
        if isinstance(image, ImageError):
            return Failure(record.path, image.reason)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_image(target, image)
        return "written"

    report = PreprocessReport()
    with ThreadPoolExecutor(workers, thread_name_prefix="preprocess") as pool:
        pairs = zip(records, targets, strict=True)
        for done, outcome in enumerate(map_ahead(pool, work, pairs, ahead=4 * workers), start=1):
            if isinstance(outcome, Failure):
                report.failed.append(outcome)
            elif outcome == "written":
                report.written += 1
            else:
                report.skipped += 1
            progress(done, len(records))
    return report


def _targets(records: Sequence[ImageRecord], destination: Path, image_format: str) -> list[Path]:
    taken: dict[Path, str] = {}
    for record in records:
        name = PurePosixPath(record.id.replace("#", "_"))
        if name.is_absolute() or ".." in name.parts:
            raise InvalidInputError(
                f"image id {record.id!r} leads out of the destination: index from a folder above it"
            )
        target = destination / name.with_suffix(f".{image_format}")
        if target in taken:
            target = destination / f"{name}.{image_format}"  # a.jpg and a.png: keep both
        if target in taken:
            raise InvalidInputError(f"images {taken[target]!r} and {record.id!r} would both be written to {target}")
        taken[target] = record.id
    return list(taken)
