"""Seeded splits: parts for training and testing, and items held out as unknown.

A split depends on the seed and on what the records *are*, never on their order: images are drawn in the order of a
keyed hash of their ids, so that adding images to one item leaves the parts of all other items as they are.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from util.datasets.apportion import apportion, fill
from util.errors import DatasetError, ImageError, InvalidInputError
from util.images import content_hash, read_bytes
from util.records import ImageRecord

TRAIN_AND_TEST: Mapping[str, float] = {"train": 0.8, "test": 0.2}

Parts: TypeAlias = dict[str, list[ImageRecord]]
_PartOf: TypeAlias = Callable[[ImageRecord], str]


def split_stratified(
    records: Iterable[ImageRecord],
    fractions: Mapping[str, float] = TRAIN_AND_TEST,
    *,
    seed: int = 0,
    group_by: str | None = None,
) -> Parts:
    """Splits every item by the same fractions: for items that are known when the test photos come.

    An item of n images gives each part the whole number next to ``n * fraction`` (largest remainders first), but at
    least one image to as many parts as it has images, largest fraction first: an item with two images is in two
    parts, one with a single image in the largest part only. Images without an item are split as one more item.

    Args:
        records: the images, each id once.
        fractions: part → share of the images, adding up to 1.
        seed: another seed, another split.
        group_by: metadata field whose equal values must not straddle parts, for copies and series of one scene
            (``sha256`` after :func:`with_content_hashes`, or the video a frame is from); the counts are then met as
            closely as the groups allow. Images without the field are groups of their own.

    Returns:
        part → its images, ordered by id.

    Raises:
        DatasetError: if an id stands twice.
        InvalidInputError: if the fractions are not positive or do not add up to 1.
    """
    images = _by_id(records)
    _check(fractions)
    part_of: dict[str, str] = {}
    groups = _groups(images, group_by)
    for members in _by_item(images):
        sizes = Counter(groups[record.id] for record in members)
        atoms = _shuffled(sizes, seed, salt="image")
        placed = {atom: part_of[atom] for atom in atoms if atom in part_of}
        part_of |= fill(atoms, sizes, apportion(len(members), fractions), placed)
    return _parts(images, fractions, lambda record: part_of[groups[record.id]])


def split_item_disjoint(
    records: Iterable[ImageRecord],
    fractions: Mapping[str, float] = TRAIN_AND_TEST,
    *,
    seed: int = 0,
    group_by: str | None = None,
) -> Parts:
    """Splits the items themselves: for metric learning, where test items are ones never trained on.

    Args:
        records: the images, each id once and each with an item.
        fractions: part → share of the *items*, adding up to 1.
        seed: another seed, another split.
        group_by: as in :func:`split_stratified`; items that share a group go to one part together.

    Returns:
        part → its images, ordered by id. No item is in two parts.

    Raises:
        DatasetError: if an id stands twice or an image has no item.
        InvalidInputError: if the fractions are not positive or do not add up to 1.
    """
    images = _by_id(records)
    _check(fractions)
    bound = _bound_items(images, _groups(images, group_by))
    sizes = Counter(bound.values())
    clusters = _shuffled(sizes, seed, salt="item")
    part_of = fill(clusters, sizes, apportion(len(bound), fractions), {})
    return _parts(images, fractions, lambda record: part_of[bound[str(record.item)]])


def hold_out_items(
    records: Iterable[ImageRecord], fraction: float, *, seed: int = 0
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Parts a data set into known items and items to meet as unknown, for tests of the decision *new*.

    Args:
        records: the images, each id once and each with an item.
        fraction: share of the items to hold out, in (0, 1); at least one item is on either side.
        seed: another seed, other items.

    Returns:
        images of known items, images of unknown items; each ordered by id.

    Raises:
        DatasetError: if an id stands twice, an image has no item, or there are fewer than two items.
        InvalidInputError: if the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InvalidInputError(f"the fraction of items to hold out is between 0 and 1, not {fraction!r}")
    images = _by_id(records)
    items = _shuffled(_items(images), seed, salt="item")
    if len(items) < 2:
        raise DatasetError(f"holding items out needs at least two items, these {len(images)} images have {len(items)}")
    unknown = set(items[: min(max(1, round(fraction * len(items))), len(items) - 1)])
    known_images = [record for record in images if record.item not in unknown]
    return known_images, [record for record in images if record.item in unknown]


def with_content_hashes(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    """The same images with the SHA-256 of their bytes in the metadata field ``sha256``.

    Data sets hold copies. A copy of a training photo among the test photos is found by memory alone, so split by
    ``group_by="sha256"`` before reporting numbers. An image that cannot be read gets no hash; whoever reads it for its
    pixels reports it.
    """
    return [_with_hash(record) for record in records]


def _with_hash(record: ImageRecord) -> ImageRecord:
    try:
        digest = content_hash(read_bytes(record.path))
    except ImageError:
        return record
    return replace(record, metadata={**record.metadata, "sha256": digest})


def _by_id(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    images = sorted(records, key=lambda record: record.id)
    for before, after in pairwise(images):
        if before.id == after.id:
            raise DatasetError(f"the image {before.id!r} stands twice in the data set: keep one of them")
    return images


def _by_item(images: Iterable[ImageRecord]) -> list[list[ImageRecord]]:
    """The images of each item in the order of the items' names, at the end those without one."""
    members: dict[tuple[bool, str], list[ImageRecord]] = {}
    for record in images:
        members.setdefault((record.item is None, record.item or ""), []).append(record)
    return [members[item] for item in sorted(members)]


def _check(fractions: Mapping[str, float]) -> None:
    if not fractions or not all(fraction > 0 for fraction in fractions.values()):
        raise InvalidInputError(f"every part of a split needs a fraction above 0, got {dict(fractions)}")
    if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise InvalidInputError(f"the fractions of a split add up to 1, {dict(fractions)} to {sum(fractions.values())}")


def _shuffled(names: Iterable[str], seed: int, *, salt: str) -> list[str]:
    return sorted(
        names, key=lambda name: hashlib.sha256(f"{salt}\0{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    )


def _groups(images: Sequence[ImageRecord], group_by: str | None) -> dict[str, str]:
    """Name of the group of each id."""
    values = {record.id: record.metadata.get(group_by) if group_by else None for record in images}
    return {id_: f"image {id_}" if value is None else f"group {value}" for id_, value in values.items()}


def _items(images: Sequence[ImageRecord]) -> set[str]:
    nameless = [record.id for record in images if record.item is None]
    if nameless:
        raise DatasetError(
            f"{len(nameless)} images have no item, such as {nameless[0]!r}: which item they show has to be known to "
            "keep items apart; leave them out or name their items"
        )
    return {str(record.item) for record in images}


def _bound_items(images: Sequence[ImageRecord], groups: Mapping[str, str]) -> dict[str, str]:
    """For each item the first of the items it is bound to by shared groups."""
    first = {item: item for item in _items(images)}

    def find(item: str) -> str:
        while first[item] != item:
            first[item] = item = first[first[item]]
        return item

    first_of_group: dict[str, str] = {}
    for record in images:
        ends = sorted({find(str(record.item)), find(first_of_group.setdefault(groups[record.id], str(record.item)))})
        first[ends[-1]] = ends[0]
    return {item: find(item) for item in first}


def _parts(images: Sequence[ImageRecord], fractions: Mapping[str, float], part_of: _PartOf) -> Parts:
    parts: Parts = {part: [] for part in fractions}
    for record in images:
        parts[part_of(record)].append(record)
    return parts
