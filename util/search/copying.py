"""Copy a space from one store to another, and see that the copy is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter

import numpy as np

from util.errors import DimensionMismatchError, FingerprintMismatchError, InvalidInputError, StoreError
from util.records import SpaceInfo
from util.search.content import ContentChecksum, checksum_of, metadata_bytes
from util.search.extraction import Progress, no_progress
from util.vector_store.base import StoredImages, VectorStore

INCOMPLETE = "incomplete_copy"
"""Attribute of a space while it is copied; it stays where a copy was broken off."""

_NAMED_DIFFERENCES = 3


@dataclass(frozen=True, slots=True)
class CopyReport:
    """A copy that was found to be one.

    Attributes:
        space: the space copied.
        target: name of the copy.
        images: how many it holds.
        written: how many this run wrote.
        skipped: how many were there already, with the same vector and metadata.
        checksum: of the content of both (see :class:`util.search.content.ContentChecksum`).
        seconds: how long it took.
    """

    space: str
    target: str
    images: int
    written: int
    skipped: int
    checksum: str
    seconds: float


def copy_space(
    source: VectorStore,
    space: str,
    target: VectorStore,
    *,
    name: str | None = None,
    batch_size: int = 1000,
    progress: Progress = no_progress,
) -> CopyReport:
    """Copies a space with all that it remembers, then reads the copy back and compares.

    A copy that was broken off goes on where it stopped when it is started again: what is there with the same vector
    and metadata is not written again. Until the end the copy carries the attribute ``incomplete_copy``.

    Args:
        source: where the space is.
        space: its name.
        target: where the copy goes; another store, or the same one with another ``name``.
        name: name of the copy; that of the space without it.
        batch_size: images read and written at once.
        progress: told after every batch. Every image counts twice: when it is copied, and when it is read back.

    Returns:
        What was done.

    Raises:
        SpaceNotFoundError: if there is no such space.
        FingerprintMismatchError: if the target has a space of this name made by another extractor.
        DimensionMismatchError: if it has one of another dimension.
        InvalidInputError: if the space would be copied onto itself.
        StoreError: if a store fails, or the copy differs in the end: it holds images that the space does not, or
            one of the two was written to meanwhile. The message names images that differ.
    """
    started = time.perf_counter()
    info = source.info(space)
    copy = name or space
    if source.url == target.url and copy == space:
        raise InvalidInputError(f"space {space!r} cannot be copied onto itself: name the copy, or another store")
    made = target.create_space(_empty(info, copy), exist_ok=True)
    target.annotate(copy, {INCOMPLETE: True})
    total = 2 * info.count
    checksum, written = ContentChecksum(), 0
    for batch in source.iterate(space, batch_size=batch_size):
        changed = unlike(batch, target.get(copy, batch.ids))
        if len(changed):
            target.upsert(copy, changed.ids, changed.vectors, changed.metadata, fingerprint=info.fingerprint)
        written += len(changed)
        checksum.add(batch)
        progress(checksum.count, total)

    reading_back = _going_on(progress, checksum.count, total)
    copied = checksum_of(target, copy, batch_size=batch_size, progress=reading_back)
    _check_equal(source, space, target, copy, checksum, copied)
    target.annotate(copy, _attributes(info, made))
    target.refresh(copy)
    seconds = time.perf_counter() - started
    return CopyReport(space, copy, copied.count, written, copied.count - written, copied.hexdigest(), seconds)


def verify_copy(
    source: VectorStore,
    space: str,
    target: VectorStore,
    *,
    name: str | None = None,
    batch_size: int = 1000,
    progress: Progress = no_progress,
) -> CopyReport:
    """Reads a space and its copy and compares them, writing nothing. Arguments are those of :func:`copy_space`.

    Returns:
        What :func:`copy_space` returns, with nothing written.

    Raises:
        SpaceNotFoundError: if there is no such space or no copy.
        FingerprintMismatchError, DimensionMismatchError: if the copy is of something else.
        StoreError: if the copy differs; the message names images that do.
    """
    started = time.perf_counter()
    copy = name or space
    info, there = source.info(space), target.info(copy)
    if there.fingerprint != info.fingerprint:
        raise FingerprintMismatchError(copy, expected=there.fingerprint, given=info.fingerprint)
    if there.dimension != info.dimension:
        raise DimensionMismatchError(
            f"space {copy!r} holds vectors of dimension {there.dimension}, not {info.dimension}"
        )
    total = info.count + there.count

    checksum = checksum_of(source, space, batch_size=batch_size, progress=_going_on(progress, 0, total))
    reading_copy = _going_on(progress, checksum.count, total)
    copied = checksum_of(target, copy, batch_size=batch_size, progress=reading_copy)
    _check_equal(source, space, target, copy, checksum, copied)
    seconds = time.perf_counter() - started
    return CopyReport(space, copy, copied.count, 0, copied.count, copied.hexdigest(), seconds)


def _going_on(progress: Progress, before: int, whole: int) -> Progress:
    """Tells of a part of the work as of the whole."""

    def show(done: int, total: int | None) -> None:
        progress(before + done, whole)

    return show


def _empty(info: SpaceInfo, name: str) -> SpaceInfo:
    return SpaceInfo(name, info.extractor, info.dimension, info.fingerprint, info.recipe, info.metric, info.index)


def _attributes(info: SpaceInfo, made: SpaceInfo) -> Mapping[str, object]:
    """What makes the attributes of the copy those of the space."""
    gone = dict.fromkeys([INCOMPLETE, *made.attributes])
    return {**gone, **{name: value for name, value in info.attributes.items() if name != INCOMPLETE}}


def unlike(batch: StoredImages, there: StoredImages) -> StoredImages:
    """Those images of a batch that are not there with the same vector and metadata."""
    places = {id_: place for place, id_ in enumerate(there.ids)}
    found = np.array([places.get(id_, -1) for id_ in batch.ids])
    same = found >= 0
    same[same] = np.all(batch.vectors[same] == there.vectors[found[same]], axis=1)
    for place in np.flatnonzero(same):
        same[place] = metadata_bytes(batch.metadata[place]) == metadata_bytes(there.metadata[found[place]])
    kept = np.flatnonzero(~same).tolist()
    ids = tuple(batch.ids[place] for place in kept)
    return StoredImages(ids, batch.vectors[kept], tuple(batch.metadata[place] for place in kept))


def _check_equal(
    source: VectorStore,
    space: str,
    target: VectorStore,
    copy: str,
    checksum: ContentChecksum,
    copied: ContentChecksum,
) -> None:
    if (checksum.count, checksum.hexdigest()) == (copied.count, copied.hexdigest()):
        return
    named = list(islice(differences(source, space, target, copy), _NAMED_DIFFERENCES + 1))
    if len(named) > _NAMED_DIFFERENCES:
        named[-1] = "…"
    listed = "; ".join(named) or "none any more, so one of them was written to meanwhile"
    raise StoreError(
        f"space {copy!r} in {target.url} ({copied.count} images) differs from {space!r} in {source.url} "
        f"({checksum.count} images): {listed}. Copy again, or copy into a new space"
    )


def differences(source: VectorStore, space: str, target: VectorStore, copy: str) -> Iterator[str]:
    """Sentences on the images in which two spaces differ, ordered by id."""
    ours, theirs = _images(source, space, 0), _images(target, copy, 1)
    for id_, found in groupby(merge(ours, theirs), key=itemgetter(0)):
        sides = list(found)
        if len(sides) == 1:
            yield f"{id_!r} is {'only in the copy' if sides[0][1] else 'missing'}"
        elif sides[0][2] != sides[1][2]:
            yield f"{id_!r} is another"


def _images(store: VectorStore, space: str, side: int) -> Iterator[tuple[str, int, str]]:
    """Ids in order, each with the side it is on and the checksum of the one image."""
    for batch in store.iterate(space):
        for place, id_ in enumerate(batch.ids):
            checksum = ContentChecksum()
            checksum.add(StoredImages((id_,), batch.vectors[place : place + 1], batch.metadata[place : place + 1]))
            yield id_, side, checksum.hexdigest()
