"""Writes a data set of nearly identical items: photos, catalogue views, cut-outs and ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from util.datasets.columns import write_atomically
from util.datasets.synthesis.design import Item
from util.datasets.synthesis.families import make_family
from util.datasets.synthesis.photography import encode_jpeg
from util.datasets.synthesis.photos import Photo, renderer_of, take_photo
from util.datasets.synthesis.shots import CATALOGUE, Shot, draw_shot, light_words
from util.datasets.tables import write_csv
from util.errors import DatasetError, InvalidInputError
from util.images import write_image
from util.records import ImageRecord, MetadataValue

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with what is done and the total, where it is known."""

_YAW_LIMITS = {"bottle": 32.0, "carton": 42.0, "box": 42.0}


@dataclass(frozen=True, slots=True)
class _Settings:
    seed: int
    size: int
    severity: float
    families: int
    items_per_family: int
    photos_per_item: int

    def __post_init__(self) -> None:
        counts = {"families": self.families, "items_per_family": self.items_per_family}
        for name, count in (counts | {"photos_per_item": self.photos_per_item}).items():
            if count < 1:
                raise InvalidInputError(f"{name} is at least 1, not {count}")
        if not 64 <= self.size <= 2048:
            raise InvalidInputError(f"the size of synthetic photos is 64 to 2048 pixels, not {self.size}")
        if not 0 <= self.severity <= 1:
            raise InvalidInputError(f"the severity of synthetic photos is between 0 and 1, not {self.severity}")
        if self.seed < 0:
            raise InvalidInputError(f"the seed is a whole number from 0, not {self.seed}")

    @property
    def words(self) -> str:
        """For messages."""
        return (
            f"seed {self.seed}, size {self.size}, severity {self.severity:g}: {self.families} families of "
            f"{self.items_per_family} items with {self.photos_per_item} photos"
        )


def synthesize(
    directory: Path | str,
    *,
    families: int = 6,
    items_per_family: int = 5,
    photos_per_item: int = 8,
    size: int = 256,
    seed: int = 0,
    severity: float = 0.5,
    masks: bool = False,
    progress: Progress | None = None,
) -> list[ImageRecord]:
    """Renders nearly identical items and photographs them under varied circumstances.

    Items of one family differ in one small thing: a word or number of the label, the mark, a shade, a scratch or
    dent. The folder then holds ``images/<item>/000.jpg`` …, ``catalogue/<item>.jpg`` (each item's plain front view),
    ``items.json`` (what the items differ in, in words) and ``meta.csv`` (every photo with its item, family and the
    circumstances; read it with ``read_dataset``). With ``masks`` there is also ``cutouts/<item>/000.png`` …: the photo
    with the visible part of the item as its alpha.

    The same seed gives the same files with the same versions of NumPy, OpenCV and Pillow. Each item and photo has a
    seed of its own: asking for more of either adds files and changes none. An interrupted run is completed by
    running it again.

    Args:
        directory: a new or empty folder, or one with an earlier run of the same seed, size and severity.
        families: how many; bottles, cartons and boxes take turns.
        items_per_family: nearly identical items in each.
        photos_per_item: photos of each item.
        size: width and height of the photos in pixels, 64 to 2048; details are made to be legible from 224 on.
        seed: at least 0; another seed, other items and photos.
        severity: how bad the photos are: 0 careful, 0.5 what people upload, 1 the worst of it.
        masks: whether cut-outs are written.
        progress: told after every photo.

    Returns:
        The photos, in the order of ``meta.csv``, whose columns are their metadata.

    Raises:
        InvalidInputError: if an argument is out of range.
        DatasetError: if the folder holds something else or cannot be written.
    """
    settings = _Settings(seed, size, severity, families, items_per_family, photos_per_item)
    sets = [make_family(index, items_per_family, seed) for index in range(families)]
    folder = Path(directory)
    records: list[ImageRecord] = []
    try:
        _claim(folder, settings)
        _write_items(folder, settings, [item for family in sets for item in family])
        for record in _photograph_all(folder, settings, sets, masks=masks):
            records.append(record)
            if progress:
                progress(len(records), families * items_per_family * photos_per_item)
        write_csv(records, folder / "meta.csv")
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written ({error.strerror}): choose another folder") from error
    return records


def _claim(folder: Path, settings: _Settings) -> None:
    """Makes the folder, or makes sure that what it holds will all be part of the set."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        return
    try:
        earlier = _Settings(**json.loads((folder / "items.json").read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder}: is not empty and holds no synthetic items: choose a new folder") from error
    same = (earlier.seed, earlier.size, earlier.severity) == (settings.seed, settings.size, settings.severity)
    if not same or any(before > now for before, now in zip(_counts(earlier), _counts(settings), strict=True)):
        raise DatasetError(f"{folder}: holds other synthetic items ({earlier.words}): choose a new folder")


def _counts(settings: _Settings) -> tuple[int, int, int]:
    return settings.families, settings.items_per_family, settings.photos_per_item


def _write_items(folder: Path, settings: _Settings, items: list[Item]) -> None:
    rows = [
        {
            "item": item.name,
            "family": item.family,
            "kind": item.design.kind,
            "wording": asdict(item.design.wording),
            "differences": [
                {"kind": difference.kind, "part": difference.part, "words": difference.words}
                for difference in item.differences
            ],
            "catalogue": f"catalogue/{item.name}.jpg",
        }
        for item in items
    ]
    with write_atomically(folder / "items.json") as stream:
        json.dump({"settings": asdict(settings), "items": rows}, stream, indent=1, ensure_ascii=False)


def _photograph_all(folder: Path, settings: _Settings, sets: list[list[Item]], *, masks: bool) -> Iterator[ImageRecord]:
    for index, family in enumerate(sets):
        for place, item in enumerate(family):
            yield from _photograph(folder, settings, index, place, item, masks=masks)


def _photograph(
    folder: Path, settings: _Settings, index: int, place: int, item: Item, *, masks: bool
) -> Iterator[ImageRecord]:
    """Writes the catalogue view and all photos of an item."""
    render = renderer_of(item, settings.size)
    view = take_photo(render, CATALOGUE, settings.size, np.random.default_rng([settings.seed, 3, index, place]))
    _write_jpeg(folder / "catalogue" / f"{item.name}.jpg", view)
    for number in range(settings.photos_per_item):
        rng = np.random.default_rng([settings.seed, 2, index, place, number])
        shot = draw_shot(rng, settings.severity, yaw_limit=_YAW_LIMITS[item.design.kind])
        photo = take_photo(render, shot, settings.size, rng)
        name = f"images/{item.name}/{number:03d}.jpg"
        _write_jpeg(folder / name, photo)
        if masks:
            _write_cutout(folder / "cutouts" / item.name / f"{number:03d}.png", photo)
        yield ImageRecord(name, str(folder / name), item.name, _ground_truth(item, photo))


def _write_jpeg(path: Path, photo: Photo) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.partial")
    draft.write_bytes(encode_jpeg(photo.image, photo.shot.quality))
    draft.replace(path)


def _write_cutout(path: Path, photo: Photo) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    alpha = np.rint(photo.scene.cover * 255).astype(np.uint8)
    write_image(path, np.dstack([photo.image, alpha]))


def _ground_truth(item: Item, photo: Photo) -> dict[str, MetadataValue]:
    shot, scene, size = photo.shot, photo.scene, photo.image.shape[0]
    numbers = {
        "light_azimuth": shot.lamp.azimuth,
        "exposure": shot.exposure,
        "kelvin": shot.kelvin,
        "yaw": shot.pose.yaw,
        "elevation": shot.pose.elevation,
        "roll": shot.roll,
        "blur_pixels": max(shot.motion, shot.defocus) * size,
        "noise": shot.noise,
        "hidden": scene.hidden,
        "detail_visible": scene.detail_visible,
    }
    return {
        "family": item.family,
        "difference": " and ".join(difference.kind for difference in item.differences) or "none",
        "light": light_words(shot),
        "background": shot.background,
        "blur": _blur_word(shot),
        "occluder": scene.occluder or "none",
        "quality": shot.quality,
        **{key: round(float(value), 3) for key, value in numbers.items()},
    }


def _blur_word(shot: Shot) -> str:
    return "motion" if shot.motion else "defocus" if shot.defocus else "none"
