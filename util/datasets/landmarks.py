"""The lists of Google Landmarks v2: solutions, predictions, labels.

Weyand, Araujo, Cao and Sim, "Google Landmarks Dataset v2", CVPR 2020, arXiv:2004.01804;
https://github.com/cvdfoundation/google-landmark. A set of one's own in the same columns is read as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from util.datasets.text_columns import parse_scores, read_text_columns
from util.errors import DatasetError
from util.records import ImageRecord

Task: TypeAlias = Literal["retrieval", "recognition"]
_ANSWERS: Mapping[str, str] = {"retrieval": "images", "recognition": "landmarks"}
IGNORED = "Ignored"


@dataclass(frozen=True, slots=True)
class Solution:
    """What is right for each test image.

    Attributes:
        right: ids of index images (retrieval) or landmarks (recognition) by test image; empty where nothing is right.
        usage: ``Public`` or ``Private`` by test image; empty without such a column.
        ignored: test images that do not count.
    """

    right: Mapping[str, frozenset[str]]
    usage: Mapping[str, str]
    ignored: frozenset[str] = frozenset()


def read_solution(path: Path | str, task: Task) -> Solution:
    """Reads ``retrieval_solution_v2.1.csv`` (id, images, Usage) or its recognition counterpart (id, landmarks, Usage).

    Ids in a cell are parted by blanks; ``None`` or nothing means that there is none. ``Usage`` may be missing.

    Raises:
        DatasetError: if a column is missing, a test image stands twice, or a usage is none of Public, Private, Ignored.
    """
    source = Path(path)
    table = read_text_columns(source, ("id", _ANSWERS[task]), optional=("Usage",))
    _refuse_twice(table["id"], source)
    right = {id_: _ids(cell) for id_, cell in zip(table["id"], table[_ANSWERS[task]], strict=True)}
    usage = dict(zip(table["id"], table.get("Usage", ()), strict=False))
    strange = sorted(set(usage.values()) - {"Public", "Private", IGNORED})
    if strange:
        raise DatasetError(f"{source}: a usage is Public, Private or Ignored, not {strange[0]!r}")
    ignored = frozenset(id_ for id_, kind in usage.items() if kind == IGNORED)
    return Solution(
        {id_: ids for id_, ids in right.items() if id_ not in ignored},
        {id_: kind for id_, kind in usage.items() if id_ not in ignored},
        ignored,
    )


def read_retrieval_predictions(path: Path | str) -> dict[str, tuple[str, ...]]:
    """Index images found by test image, best first, of a CSV file with the columns id and images.

    Raises:
        DatasetError: if a column is missing or a test image stands twice.
    """
    table = read_text_columns(Path(path), ("id", "images"))
    _refuse_twice(table["id"], Path(path))
    return {id_: tuple(cell.split()) for id_, cell in zip(table["id"], table["images"], strict=True)}


def read_recognition_predictions(path: Path | str) -> dict[str, tuple[str, float]]:
    """Landmark and score by test image, of a CSV file with the columns id and landmarks, as ``5376 0.92``.

    Test images without an answer are left out.

    Raises:
        DatasetError: if a column is missing, a test image stands twice, or a cell has not one landmark and one score.
    """
    source = Path(path)
    table = read_text_columns(source, ("id", "landmarks"))
    _refuse_twice(table["id"], source)
    answered = [(id_, cell.split()) for id_, cell in zip(table["id"], table["landmarks"], strict=True) if cell]
    for id_, parts in answered:
        if len(parts) != 2:
            raise DatasetError(f"{source}: the answer for {id_} has {len(parts)} parts, not one landmark and its score")
    scores = parse_scores([parts[1] for _, parts in answered], source)
    return {id_: (parts[0], score) for (id_, parts), score in zip(answered, scores, strict=True)}


def read_landmark_images(path: Path | str, images: Path | str) -> Iterator[ImageRecord]:
    """The images that ``train.csv`` or ``index_image_to_landmark.csv`` lists, the landmark being the item.

    Args:
        path: a CSV file with the columns id and landmark_id.
        images: folder with the images as they are unpacked: ``0/a/b/0ab….jpg``.

    Raises:
        DatasetError: if a column is missing or an id has fewer than three characters.
    """
    source = Path(path)
    table = read_text_columns(source, ("id", "landmark_id"))
    for id_, landmark in zip(table["id"], table["landmark_id"], strict=True):
        if len(id_) < 3:
            raise DatasetError(f"{source}: {id_!r} is no id of Google Landmarks: these have 16 characters")
        yield ImageRecord(id_, str(Path(images, *id_[:3], f"{id_}.jpg")), landmark or None)


def _ids(cell: str) -> frozenset[str]:
    return frozenset() if cell == "None" else frozenset(cell.split())


def _refuse_twice(ids: list[str], path: Path) -> None:
    if len(set(ids)) != len(ids):
        raise DatasetError(f"{path}: {Counter(ids).most_common(1)[0][0]} stands twice")
