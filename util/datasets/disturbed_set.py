"""A near-duplicate test set of any catalogue: its photos, disturbed step by step, and a list that says how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from util.datasets.disturbances import check_disturbance, disturb
from util.datasets.tables import write_csv
from util.errors import ImageError, InvalidInputError
from util.images import DEFAULT_LIMITS, ImageLimits, read_image, write_image
from util.records import ImageRecord

UNDISTURBED = "none"
"""What the list says of photos as they are, the zero point of every curve."""

FORMATS = ("jpg", "png")

_Step = tuple[str, float]
_Outcome = list[ImageRecord] | ImageError


@dataclass(frozen=True, slots=True)
class DisturbedSet:
    """What was written.

    Attributes:
        records: the photos, in the order of the list; metadata says ``disturbance``, ``strength`` and ``source``, the
            id of the photo that was disturbed.
        path: the list, a CSV file.
        failed: the photos that could not be read; none of them is in the set.
    """

    records: tuple[ImageRecord, ...]
    path: Path
    failed: tuple[ImageError, ...]


def write_disturbed(
    records: Sequence[ImageRecord],
    destination: Path | str,
    *,
    kinds: Sequence[str],
    strengths: Sequence[float],
    seed: int = 0,
    image_format: str = "jpg",
    workers: int = 2,
    limits: ImageLimits = DEFAULT_LIMITS,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> DisturbedSet:
    """Writes every photo once as it is and once for each disturbance and strength, and ``meta.csv``.

    Photos go to ``<destination>/<disturbance>/<strength>/<id>``. The same photos, seed and strengths give the same
    pictures, in whatever order and with however many threads; one photo is disturbed in the same direction at every
    strength. Transparent photos are shown on white.

    Args:
        records: labelled photos.
        destination: folder of the set; made when it is not there, files of the same name are replaced.
        kinds: of ``disturbances.DISTURBANCES``.
        strengths: each in (0, 1]; six digits count.
        seed: another seed, other directions, places and noise.
        image_format: ``jpg`` (quality 95, full colour resolution) or ``png`` (exact). All photos get it, the
            undisturbed ones as well, so it makes no difference between them.
        workers: threads.
        limits: largest photo accepted.
        progress: told after every photo.

    Raises:
        InvalidInputError: if there is no photo, disturbance or strength, one is none, or an id leads out of the folder.
        DatasetError: if metadata has a column of the list's own.
    """
    folder = Path(destination)
    steps = _steps(kinds, strengths)
    if image_format not in FORMATS:
        raise InvalidInputError(f"the format of the photos is one of {', '.join(FORMATS)}, not {image_format!r}")
    names = _names(records, image_format)

    def write(record: ImageRecord) -> _Outcome:
        return _write_all(record, names[record.id], folder, steps, seed, limits)

    written: list[ImageRecord] = []
    failed: list[ImageError] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="disturb") as pool:
        for done, outcome in enumerate(pool.map(write, records), start=1):
            if isinstance(outcome, ImageError):
                failed.append(outcome)
            else:
                written += outcome
            progress(done, len(records))
    path = folder / "meta.csv"
    write_csv(written, path)
    return DisturbedSet(tuple(written), path, tuple(failed))


def _steps(kinds: Sequence[str], strengths: Sequence[float]) -> list[_Step]:
    written = sorted({f"{strength:g}" for strength in strengths}, key=float)
    if not kinds or not written or "0" in written:
        raise InvalidInputError(
            "name at least one disturbance and one strength above 0, such as light and 0.5; strength 0 is always there"
        )
    steps = [(kind, float(strength)) for kind in dict.fromkeys(kinds) for strength in written]
    for step in steps:
        check_disturbance(*step)
    return [(UNDISTURBED, 0.0), *steps]


def _names(records: Sequence[ImageRecord], suffix: str) -> dict[str, str]:
    """File name of each photo below the folder of a step."""
    if not records:
        raise InvalidInputError("there is no photo to disturb")
    names: dict[str, str] = {}
    taken: set[str] = set()
    for record in records:
        name = PurePosixPath(record.id.replace("#", "_"))
        if name.is_absolute() or ".." in name.parts:
            raise InvalidInputError(
                f"image id {record.id!r} leads out of the folder: read the photos from one above it"
            )
        target = str(name.with_suffix(f".{suffix}"))
        target = f"{name}.{suffix}" if target in taken else target  # a.jpg and a.png: keep both
        if record.id in names or target in taken:
            raise InvalidInputError(f"image {record.id!r} would be written to {target}, which is another one's place")
        taken.add(target)
        names[record.id] = target
    return names


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.shape[2] == 3:
        return pixels
    cover = pixels[:, :, 3:].astype(np.float32) / np.float32(255)
    return np.asarray(np.rint(pixels[:, :, :3] * cover + 255 * (1 - cover)), np.uint8)


def _write_all(
    record: ImageRecord, name: str, folder: Path, steps: Sequence[_Step], seed: int, limits: ImageLimits
) -> _Outcome:
    try:
        source = record.path if record.data is None else record.data
        picture = _on_white(read_image(source, limits=limits, name=record.name))
        own = int.from_bytes(hashlib.sha256(record.id.encode("utf-8", "surrogateescape")).digest()[:8], "big")
        made = []
        for kind, strength in steps:
            file = folder / kind / f"{strength:g}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            # Every disturbance has a source of its own: naming one more does not change the others.
            drawn = [seed, own, *kind.encode()]
            shown = picture if kind == UNDISTURBED else disturb(picture, kind, strength, seed=drawn)
            write_image(file, shown)
            about = {**record.metadata, "disturbance": kind, "strength": strength, "source": record.id}
            made.append(ImageRecord(file.relative_to(folder).as_posix(), str(file), record.item, about))
    except ImageError as error:
        return error
    return made
