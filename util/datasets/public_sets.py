"""Public data sets: where they are, what they must be, and how they become one that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.datasets.cifar10 import unpack_cifar10
from util.datasets.tables import write_csv
from util.errors import DatasetError
from util.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Source:
    """A file to fetch.

    Attributes:
        url: where it is.
        file: what it is called here.
        digest: ``md5:…`` or ``sha256:…`` of it, where it is known.
        is_archive: whether it is to be unpacked.
    """

    url: str
    file: str
    digest: str = ""
    is_archive: bool = True


def _as_it_is(folder: Path) -> None:
    """Nothing to be done."""


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set to fetch.

    Attributes:
        sources: its files.
        folder: pattern of the folder in the archive that is the data set; empty for all of it.
        tree: git's id of that folder, where it is known.
        max_bytes: of everything unpacked.
        prepare: makes the folder readable by ``read_dataset``.
        note: what it is, and under which terms.
    """

    sources: tuple[Source, ...]
    folder: str
    tree: str
    max_bytes: int
    prepare: Callable[[Path], None] = _as_it_is
    note: str = ""


def list_flowers(folder: Path) -> None:
    """Writes ``meta.csv`` for 102 Flowers from its two MATLAB files: item is the flower, ``part`` the official split.

    Raises:
        DatasetError: if the files are not those of the data set.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError
    from torchvision.datasets import Flowers102

    try:
        labels = loadmat(folder / "imagelabels.mat", squeeze_me=True)["labels"]
        parts = loadmat(folder / "setid.mat", squeeze_me=True)
        part_of = {
            int(number): part
            for part, key in (("train", "trnid"), ("val", "valid"), ("test", "tstid"))
            for number in np.atleast_1d(parts[key])
        }
        records = [
            ImageRecord(
                f"jpg/image_{number:05d}.jpg",
                str(folder / "jpg" / f"image_{number:05d}.jpg"),
                Flowers102.classes[int(label) - 1],
                {"part": part_of[number], "label": int(label)},
            )
            for number, label in enumerate(np.atleast_1d(labels), start=1)
        ]
    except (OSError, ValueError, KeyError, IndexError, NotImplementedError, MatReadError) as error:
        raise DatasetError(f"{folder}: its MATLAB files are not those of 102 Flowers ({error})") from error
    write_csv(records, folder / "meta.csv")


_GROCERY_COMMIT = "fc80ba90f803d79d0383df52c5a4ac5de99ff6fc"
_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"

PUBLIC_SETS: dict[str, PublicSet] = {
    "cifar10": PublicSet(
        sources=(
            Source(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "cifar-10-python.tar.gz",
                "md5:c58f30108f718f92721af3b95e74349a",
            ),
        ),
        folder="",
        tree="",
        max_bytes=1024**3,
        prepare=unpack_cifar10,
        note="60,000 pictures of 10 kinds of things, 32×32 pixels (Krizhevsky, 2009), to start networks from",
    ),
    "grocery": PublicSet(
        sources=(
            Source(
                f"https://github.com/marcusklasson/GroceryStoreDataset/archive/{_GROCERY_COMMIT}.zip",
                "GroceryStoreDataset.zip",
            ),
        ),
        folder="GroceryStoreDataset-*/dataset",
        tree="e7756d505f53e3eef89ae1ee97f3a799a9885475",
        max_bytes=2 * 1024**3,
        note="5,421 photos of 81 grocery items (Klasson et al., WACV 2019, arXiv:1901.00711), MIT licence",
    ),
    "flowers102": PublicSet(
        sources=(
            Source(f"{_FLOWERS}/102flowers.tgz", "102flowers.tgz", "md5:52808999861908f626f3c1f4e79d11fa"),
            Source(f"{_FLOWERS}/imagelabels.mat", "imagelabels.mat", "md5:e0620be6f572b9609742df49c70aed4d", False),
            Source(f"{_FLOWERS}/setid.mat", "setid.mat", "md5:a5357ecc9cb78c4bef273ce3793fc85c", False),
        ),
        folder="",
        tree="",
        max_bytes=2 * 1024**3,
        prepare=list_flowers,
        note="8,189 photos of 102 flowers (Nilsback and Zisserman, ICVGIP 2008), for research",
    ),
}
