"""Revisited Oxford and Paris: ground truth, gallery, queries.

Radenović, Iscen, Tolias, Avrithis and Chum, "Revisiting Oxford and Paris: Large-Scale Image Retrieval Benchmarking",
CVPR 2018, arXiv:1803.11285. For each query every gallery image is an easy positive, a hard positive, junk (nobody can
say, so it counts neither way), or else a negative. Photos: Philbin et al., CVPR 2007 and 2008. The ground truth is
published as ``gnd_roxford5k.pkl`` and ``gnd_rparis6k.pkl`` (http://cmp.felk.cvut.cz/revisitop), without checksums.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from util.datasets.inert_pickle import StoredArray, read_pickled_numbers
from util.datasets.paths import natural_key
from util.datasets.reading import read_dataset
from util.errors import DatasetError
from util.images import DEFAULT_LIMITS, ImageLimits, read_image
from util.records import ImageRecord

Positions = NDArray[np.int64]
"""int64 (n,), distinct positions in the gallery, from 0."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of what a query asks for, in pixels of its photo."""


@dataclass(frozen=True, slots=True, eq=False)
class RevisitedQuery:
    """One query and what is right for it.

    Attributes:
        easy: positives that are plain to see.
        hard: positives seen from afar, at an odd angle, by night, partly hidden.
        junk: images of which nobody can say whether they are right; they count neither way.
        name: of its photo, without suffix; empty where only numbers are known.
        box: the part of its photo that is asked with; ``None`` for all of it.
    """

    easy: Positions
    hard: Positions
    junk: Positions
    name: str = ""
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RevisitedTruth:
    """The ground truth of one of the two data sets.

    Attributes:
        queries: 70 in either set.
        n_images: how many gallery images there are; distractors are numbered from here on.
        images: their names without suffix, in the order of their numbers; empty where only numbers are known.
    """

    queries: tuple[RevisitedQuery, ...]
    n_images: int
    images: tuple[str, ...] = ()


def read_revisited(path: Path | str) -> RevisitedTruth:
    """Reads a ground truth file.

    Args:
        path: ``gnd_roxford5k.pkl`` or ``gnd_rparis6k.pkl`` as published, which is read without running anything in it;
            or JSON, either the same (``imlist``, ``qimlist``, and ``gnd`` with ``easy``, ``hard``, ``junk`` and
            ``bbx`` for each query) or by numbers alone (``db_size`` and ``queries``).

    Raises:
        DatasetError: if the file cannot be read or is not such a ground truth.
    """
    source = Path(path)
    value = _load_json(source) if source.suffix.lower() == ".json" else read_pickled_numbers(source)
    if not isinstance(value, dict):
        raise DatasetError(f"{source}: holds a {type(value).__name__}, not the dictionary of a ground truth")
    try:
        return _truth(value)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DatasetError(f"{source}: is not a ground truth of revisited Oxford or Paris ({reason})") from error


def gallery_of(
    truth: RevisitedTruth, photos: Path | str, *, distractors: Path | str | None = None
) -> list[ImageRecord]:
    """The gallery as records: image number i of the ground truth stands at place i, distractors behind them.

    Args:
        truth: with names.
        photos: folder that holds them somewhere, such as an unpacked archive.
        distractors: folder or list of images that are right for no query, such as the million of revisitop1m; their
            ids begin with ``distractors/``.

    Raises:
        DatasetError: if the ground truth has no names, or a photo is missing.
    """
    paths = _photos_by_name(photos)
    gallery = [ImageRecord(name, str(_photo(paths, name, photos))) for name in _names(truth)]
    if distractors is None:
        return gallery
    others = read_dataset(distractors, item_from="none")
    return gallery + [ImageRecord(f"distractors/{other.id}", other.path) for other in others]


def queries_of(truth: RevisitedTruth, photos: Path | str, *, limits: ImageLimits = DEFAULT_LIMITS) -> list[ImageRecord]:
    """The queries as records whose ``data`` is the photo cropped to its box, as a PNG file.

    Args:
        truth: with names.
        photos: folder that holds them somewhere.
        limits: largest photo accepted.

    Raises:
        DatasetError: if the ground truth has no names, a photo is missing or a box lies outside of its photo.
        ImageError: if a photo cannot be read.
    """
    paths = _photos_by_name(photos)
    _names(truth)
    return [_asked(query, _photo(paths, query.name, photos), limits) for query in truth.queries]


def _asked(query: RevisitedQuery, path: Path, limits: ImageLimits) -> ImageRecord:
    pixels = read_image(path, limits=limits)
    if query.box is not None:
        height, width = pixels.shape[:2]
        left, top, right, bottom = (round(edge) for edge in query.box)
        pixels = pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        if not pixels.size:
            raise DatasetError(f"{path}: the box {query.box} lies outside of its {width}×{height} pixels")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return ImageRecord(query.name, str(path), data=file.getvalue())


def _names(truth: RevisitedTruth) -> tuple[str, ...]:
    if not truth.images or not all(query.name for query in truth.queries):
        raise DatasetError("the ground truth has numbers but no names of photos: give gnd_roxford5k.pkl or its like")
    return truth.images


def _photos_by_name(folder: Path | str) -> dict[str, Path]:
    found = sorted(read_dataset(folder, item_from="none"), key=lambda record: natural_key(record.id), reverse=True)
    return {Path(record.path).stem: Path(record.path) for record in found}


def _photo(paths: Mapping[str, Path], name: str, folder: Path | str) -> Path:
    if name not in paths:
        raise DatasetError(f"{folder}: holds no photo {name!r} of the ground truth: unpack all its archives here")
    return paths[name]


def _load_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: is not JSON ({error})") from error


def _truth(value: Mapping[str, object]) -> RevisitedTruth:
    if "db_size" in value:
        rows, names, count = _list(value["queries"]), None, value["db_size"]
        images: tuple[str, ...] = ()
        if not isinstance(count, int):
            raise TypeError("db_size is not a number")
    else:
        rows, images, names = _list(value["gnd"]), _texts(value["imlist"]), _texts(value["qimlist"])
        count = len(images)
    if names is not None and len(names) != len(rows):
        raise ValueError(f"{len(names)} queries have {len(rows)} answers")
    named = names or ("",) * len(rows)
    return RevisitedTruth(tuple(_query(row, name, count) for row, name in zip(rows, named, strict=True)), count, images)


def _query(row: object, name: str, n_images: int) -> RevisitedQuery:
    if not isinstance(row, dict):
        raise TypeError(f"a query is described by {type(row).__name__}")
    box = _numbers(row["bbx"], np.float64).ravel() if "bbx" in row else None
    if box is not None and (box.size != 4 or not np.all(np.isfinite(box))):
        raise ValueError(f"a box has {box.size} numbers")
    corners = None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    easy, hard, junk = (_positions(row[kind], n_images) for kind in ("easy", "hard", "junk"))
    return RevisitedQuery(easy, hard, junk, name, corners)


def _positions(value: object, n_images: int) -> Positions:
    given = _numbers(value, np.float64).ravel()
    positions = given.astype(np.int64)
    if np.any(positions != given) or np.any((positions < 0) | (positions >= n_images)):
        raise ValueError(f"a positive or junk image is none of the {n_images} of the gallery")
    return np.unique(positions)


def _numbers(value: object, kind: type[np.float64]) -> NDArray[np.float64]:
    return np.asarray(value.to_numpy() if isinstance(value, StoredArray) else _list(value), dtype=kind)


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"a list is needed, not {type(value).__name__}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    names = tuple(_list(value))
    if not all(isinstance(name, str) and name for name in names):
        raise TypeError("a name is not a text")
    return tuple(str(name) for name in names)
