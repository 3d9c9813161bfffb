"""Make a space of shorter vectors from one that is there: principal components, if wanted whitened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from util.errors import InvalidInputError, SpaceExistsError, SpaceNotFoundError, StoreError
from util.records import SpaceInfo
from util.search.calibrating import wanted_rate
from util.search.copying import unlike
from util.search.extraction import Progress, no_progress
from util.search.principal_components import Fitted, fit_projection
from util.search.projection import PROJECTION, projection_of
from util.vector_store.base import StoredImages, VectorStore
from util.vector_store.index_names import SEARCH_PARAMETERS

INCOMPLETE = "incomplete_reduction"
"""Attribute of a space while it is filled; it stays where that was broken off."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """How a space is to be reduced.

    Attributes:
        dimension: length of the new vectors, at most as many directions as the old ones vary in.
        power: 0 only rotates, 1 divides each component by its standard deviation, between them lies some of each.
    """

    dimension: int
    power: float = 0.0

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise InvalidInputError(f"the dimension is at least 1, not {self.dimension}")
        if not 0 <= self.power <= 1:
            raise InvalidInputError(f"the power of whitening lies from 0 (none) to 1 (all of it), not at {self.power}")

    def name_for(self, space: str) -> str:
        """What the new space is called unless it is given a name.

        >>> Reduction(64).name_for("bottles"), Reduction(64, power=0.5).name_for("bottles")
        ('bottles-pca64', 'bottles-pcaw64')
        """
        return f"{space}-pca{'w' if self.power else ''}{self.dimension}"


@dataclass(frozen=True, slots=True)
class ReductionReport:
    """What was done.

    Attributes:
        space: the space reduced.
        target: name of the new one.
        images: how many it holds.
        written: how many this run wrote; the others were there from one that was broken off.
        dimension: length of its vectors.
        explained: share of the variance that is left, in [0, 1].
        bytes_before: of a vector.
        bytes_after: of a vector.
        seconds: how long it took.
    """

    space: str
    target: str
    images: int
    written: int
    dimension: int
    explained: float
    bytes_before: int
    bytes_after: int
    seconds: float


def reduce_space(
    store: VectorStore,
    space: str,
    reduction: Reduction,
    *,
    name: str | None = None,
    overwrite: bool = False,
    batch_size: int = 1000,
    progress: Progress = no_progress,
) -> ReductionReport:
    """Writes a space with the projected vectors of another one, and all ids and metadata, in flat memory.

    The projection is fitted to the vectors there are and kept with the new space, so that whatever is asked of it or
    indexed into it later (see :func:`util.search.similar.extractor_of`) goes through the same one. A run that was
    broken off goes on, with the projection it had, when it is started again. A calibration does not come along, since
    cosines are others now, but the rate that was wanted does.

    Args:
        store: holds the space and is to hold the new one.
        space: its name.
        reduction: to how many dimensions, and whether whitened.
        name: of the new space; ``Reduction.name_for`` says what it is without it.
        overwrite: replaces a space that has the name.
        batch_size: images read and written at once.
        progress: told after every batch. Every image counts twice: when it is fitted to, and when it is written.

    Raises:
        SpaceNotFoundError: if there is no such space.
        SpaceExistsError: if the name is taken, unless by the same reduction, broken off.
        InvalidInputError: if the space is a reduced one itself, or its vectors vary in too few directions.
        StoreError: if the store fails, or the space was written to meanwhile.
    """
    started = time.perf_counter()
    info = store.info(space)
    target = name or reduction.name_for(space)
    _check_source(info, reduction, target)
    unfinished = None if overwrite else _unfinished(store, target, info, reduction)
    if unfinished is None:
        fitted = fit_projection(
            store, space, dimension=reduction.dimension, power=reduction.power, batch_size=batch_size, progress=progress
        )
        made = _created(store, _empty(info, target, reduction, fitted), overwrite=overwrite)
    else:
        made = unfinished
    written = _fill(store, info, made, batch_size=batch_size, progress=progress)
    return ReductionReport(
        space=space,
        target=target,
        images=store.count(target),
        written=written,
        dimension=made.dimension,
        explained=float(_about(made)["explained"]),
        bytes_before=4 * info.dimension,
        bytes_after=4 * made.dimension,
        seconds=time.perf_counter() - started,
    )


def _check_source(info: SpaceInfo, reduction: Reduction, target: str) -> None:
    if PROJECTION in info.attributes:
        raise InvalidInputError(
            f"space {info.name!r} is reduced already: reduce the one it was made from, {_about(info).get('space')!r}"
        )
    if target == info.name:
        raise InvalidInputError(f"space {info.name!r} cannot be reduced onto itself: name the new one (--to)")
    if reduction.dimension > info.dimension:
        raise InvalidInputError(
            f"space {info.name!r} has vectors of {info.dimension} numbers, which cannot be reduced to "
            f"{reduction.dimension}: choose a smaller --dimension"
        )
    replace(info, name=target)  # refuses what can name no space before anything is read


def _unfinished(store: VectorStore, name: str, source: SpaceInfo, reduction: Reduction) -> SpaceInfo | None:
    """The space of this name if it is this very reduction, broken off; ``None`` if the name is free.

    Raises:
        SpaceExistsError: if it is anything else.
    """
    try:
        there = store.info(name)
    except SpaceNotFoundError:
        return None
    if not (there.attributes.get(INCOMPLETE) and _is_same(there, source, reduction)):
        raise SpaceExistsError(
            f"the store {store.url} has a space {name!r} already: choose another name (--to), or replace it "
            "(--overwrite)"
        )
    return there


def _is_same(there: SpaceInfo, source: SpaceInfo, reduction: Reduction) -> bool:
    if (there.dimension, _about(there).get("power")) != (reduction.dimension, reduction.power):
        return False
    return there.fingerprint == projection_of(there).follow(source.fingerprint)


def _about(info: SpaceInfo) -> dict[str, Any]:
    """What a reduced space says of its projection."""
    kept = info.attributes.get(PROJECTION)
    return dict(kept) if isinstance(kept, Mapping) else {}


def _created(store: VectorStore, wanted: SpaceInfo, *, overwrite: bool) -> SpaceInfo:
    try:
        if overwrite:
            # The index of the longer vectors may be none for shorter ones: that must not cost the space that is there.
            _try_out(store, wanted)
            with suppress(SpaceNotFoundError):
                store.drop_space(wanted.name)
        return store.create_space(wanted)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{error}; the new space would have the search index of {_about(wanted)['space']!r}, {wanted.index!r}: "
            "give that one another first (nearid spaces index)"
        ) from error


def _try_out(store: VectorStore, wanted: SpaceInfo) -> None:
    """Makes such a space under another name, and drops it; so it does with one that a killed run left."""
    name = f"{wanted.name}.trial"
    with suppress(SpaceNotFoundError):
        left = store.info(name)
        if left.attributes.get(INCOMPLETE) and not left.count:
            store.drop_space(name)
    store.create_space(replace(wanted, name=name))
    store.drop_space(name)


def _empty(info: SpaceInfo, name: str, reduction: Reduction, fitted: Fitted) -> SpaceInfo:
    about = {
        "space": info.name,
        "images": fitted.images,
        "explained": round(fitted.explained, 6),
        "power": reduction.power,
    }
    attributes = {
        PROJECTION: about | fitted.projection.to_json(),
        INCOMPLETE: True,
        **{key: value for key, value in info.attributes.items() if key == SEARCH_PARAMETERS},
        **wanted_rate(info),
    }
    fingerprint = fitted.projection.follow(info.fingerprint)
    return replace(
        info, name=name, dimension=reduction.dimension, fingerprint=fingerprint, count=0, attributes=attributes
    )


def _fill(store: VectorStore, info: SpaceInfo, made: SpaceInfo, *, batch_size: int, progress: Progress) -> int:
    """Writes what is not there yet, and says how much that was."""
    projection = projection_of(made)
    read = written = 0
    for batch in store.iterate(info.name, batch_size=batch_size):
        shorter = StoredImages(batch.ids, projection.apply(batch.vectors), batch.metadata)
        changed = unlike(shorter, store.get(made.name, batch.ids))
        if len(changed):
            store.upsert(made.name, changed.ids, changed.vectors, changed.metadata, fingerprint=made.fingerprint)
        read, written = read + len(batch), written + len(changed)
        progress(info.count + read, 2 * info.count)
    if store.count(made.name) != read:
        raise StoreError(
            f"space {made.name!r} holds {store.count(made.name)} images and {info.name!r} {read}: one of them was "
            "written to meanwhile; start again (--overwrite)"
        )
    store.annotate(made.name, {INCOMPLETE: None})
    store.refresh(made.name)
    return written
