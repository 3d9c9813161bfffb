"""Lists of triplets: a query, an image more similar to it, and one less similar."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from util.datasets.text_columns import read_text_columns
from util.errors import DatasetError


class Triplet(NamedTuple):
    """Three images by id."""

    query: str
    positive: str
    negative: str


def read_triplets(path: Path | str) -> list[Triplet]:
    """Triplets of a CSV file with the columns query, positive and negative, or with just these three and no header.

    Raises:
        DatasetError: if a column is missing, a cell is empty, or positive and negative are the same image.
    """
    source = Path(path)
    table = read_text_columns(source, Triplet._fields)
    triplets = [Triplet(*row) for row in zip(*(table[name] for name in Triplet._fields), strict=True)]
    for number, triplet in enumerate(triplets, start=1):
        if not all(triplet) or triplet.positive == triplet.negative:
            raise DatasetError(f"{source}: triplet {number} needs a query and two different images, not {triplet[:]}")
    return triplets
