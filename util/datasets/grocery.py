"""The lists of the Grocery Store data set (Klasson et al., WACV 2019, arXiv:1901.00711)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from util.datasets.paths import record_of_file
from util.errors import DatasetError
from util.records import ImageRecord

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of the labels; empty where no ``classes.csv`` lies beside the list, and labels stay numbers."""

    fine: Mapping[int, str]
    coarse: Mapping[int, str]


def read_grocery(path: Path, root: Path) -> Iterator[ImageRecord]:
    """The images of ``train.txt``, ``val.txt`` or ``test.txt``, or of all that a folder holds.

    Each line is ``path, fine label, coarse label``. The item is the name of the fine label; metadata holds ``coarse``
    (the name of the coarse one) and ``part`` (train, val or test).

    Args:
        path: one list, or the folder that holds them and ``classes.csv``.
        root: folder that the paths in the lists start from.

    Raises:
        DatasetError: naming file and line, if a list cannot be read so.
    """
    lists = [path / f"{part}.txt" for part in PARTS] if path.is_dir() else [path]
    present = [file for file in lists if file.exists()]
    if not present:
        raise DatasetError(f"{path}: holds none of train.txt, val.txt, test.txt, the lists of the Grocery data set")
    for file in present:
        yield from _read_list(file, root)


def _read_list(path: Path, root: Path) -> Iterator[ImageRecord]:
    names = _read_names(path.parent / "classes.csv")
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    file, fine, coarse = _fields(line, f"{path}, line {number}")
                    metadata = {"coarse": names.coarse.get(coarse, str(coarse)), "part": path.stem}
                    yield record_of_file(file, root, item=names.fine.get(fine, str(fine)), metadata=metadata)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _fields(line: str, where: str) -> tuple[str, int, int]:
    parts = [part.strip() for part in line.rsplit(",", 2)]
    if len(parts) != 3 or not parts[0] or not (parts[1].isdecimal() and parts[2].isdecimal()):
        raise DatasetError(f"{where}: {line.strip()!r:.80} is not 'path, fine label, coarse label'")
    return parts[0], int(parts[1]), int(parts[2])


def _read_names(path: Path) -> _Names:
    if not path.exists():
        return _Names({}, {})
    fine, coarse = {}, {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                fine[int(row["Class ID (int)"])] = row["Class Name (str)"]
                coarse[int(row["Coarse Class ID (int)"])] = row["Coarse Class Name (str)"]
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(f"{path}: is not the class list of the Grocery data set ({error})") from error
    return _Names(fine, coarse)
