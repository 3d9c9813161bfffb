"""From the paths on a command line to image records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from util.errors import DatasetError, InvalidInputError

if TYPE_CHECKING:
    from util.records import ImageRecord


def read_datasets(paths: Sequence[str], *, item_from: str = "auto", video_every: float = 0.0) -> list[ImageRecord]:
    """The images of all paths, each with the item its data set gives it.

    Raises:
        InvalidInputError: if a path is not there or ``item_from`` is none of the known ones.
        DatasetError: if there is no image at all.
    """
    records = list(iter_datasets(paths, item_from=item_from, video_every=video_every))
    if not records:
        raise no_photos(paths)
    return records


def iter_datasets(paths: Sequence[str], *, item_from: str = "auto", video_every: float = 0.0) -> Iterator[ImageRecord]:
    """Like ``read_datasets``, one record after the other: memory stays flat on large archives."""
    from util.datasets import ItemFrom, iter_dataset

    if item_from not in get_args(ItemFrom):
        raise InvalidInputError(f"--item-from is one of {', '.join(get_args(ItemFrom))}, not {item_from!r}")
    for path in paths:
        if not Path(path).exists():
            raise InvalidInputError(f"{path}: no such file or folder")
        yield from iter_dataset(
            Path(path), item_from=cast("ItemFrom", item_from), video_every_seconds=video_every or None
        )


def no_photos(paths: Sequence[str]) -> DatasetError:
    """The error for paths without a single photo."""
    return DatasetError(f"no photos below {', '.join(paths)}: JPEG, PNG, WebP, BMP, TIFF and GIF files are read")
