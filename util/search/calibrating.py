"""Choose the score from which an image counts as a known item, and keep it with the space.

Nobody can say in advance which score means "the same item": it depends on the extractor and on how alike the items
are. The gallery itself tells. Each of its images is asked for as if it were a query, twice: against the other images
of its item (what a known item scores) and against all *other* items (what it would score were its item unknown).
The threshold is the score that only a stated share of the unknown ones reach.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from util.errors import NotCalibratedError
from util.evaluation.calibration import Calibration, calibrate
from util.records import Embeddings, ImageRecord, Metadata, SpaceInfo
from util.search.extraction import Extraction, Failure, batched
from util.vector_store.base import VectorStore

_ATTRIBUTE = "calibration"
_SAMPLE = 2000  # gallery images asked; enough for a false-accept rate of a few in a thousand
_SCAN = 1000

DEFAULT_FALSE_ACCEPT_RATE = 0.01


def item_of(id_: str, metadata: Metadata) -> str:
    """The item an image shows; an image that nobody has labelled is an item of its own."""
    item = metadata.get("item")
    return item if isinstance(item, str) else id_


def calibrate_space(
    store: VectorStore,
    space: str,
    *,
    false_accept_rate: float = DEFAULT_FALSE_ACCEPT_RATE,
    sample: int = _SAMPLE,
    seed: int = 0,
) -> Calibration:
    """Calibrates a space on its own gallery and stores the result with it.

    Args:
        store: holds the space.
        space: its name.
        false_accept_rate: share of unknown items that may be taken for known ones, in (0, 1).
        sample: how many gallery images are asked; all where there are fewer.
        seed: chooses them.

    Returns:
        The calibration.

    Raises:
        NotCalibratedError: if the gallery has fewer than two items, so that nothing can be learned from it.
    """
    info = store.info(space)
    gallery = _Gallery(store, info)
    if len(gallery) < 2:
        raise NotCalibratedError(
            f"space {space!r} cannot be calibrated: it shows {len(gallery)} item(s) and two are needed; "
            "index more items, or give a threshold (--threshold)"
        )
    known: list[float] = []
    unknown: list[float] = []
    for ids in batched(gallery.sample(sample, seed), _SCAN):
        same, other = gallery.scores_of_members(ids)
        known += same
        unknown += other
    made = calibrate(np.array(known), np.array(unknown), far=false_accept_rate)
    _remember(store, info, made, source="gallery", settings={"sample": sample, "seed": seed})
    return made


def calibrate_on_queries(
    store: VectorStore,
    space: str,
    queries: Sequence[ImageRecord],
    *,
    extraction: Extraction,
    false_accept_rate: float = DEFAULT_FALSE_ACCEPT_RATE,
) -> tuple[Calibration, list[Failure]]:
    """Calibrates a space on labelled photos that are not in it, which tells more than the gallery alone.

    Photos whose item is in the gallery give both kinds of score, the others only that of an unknown item.

    Returns:
        The calibration, which is stored with the space, and the photos that could not be read.
    """
    info = store.info(space)
    kept, vectors, failures = extraction.embed_sources([record.path for record in queries])
    if not kept:
        raise NotCalibratedError("none of the photos to calibrate with could be read: give labelled photos")
    known, unknown = _Gallery(store, info).scores(vectors, [queries[position].item for position in kept])
    made = calibrate(np.array(known), np.array(unknown), far=false_accept_rate)
    _remember(store, info, made, source="queries", settings={})
    return made, failures


def calibration_of(store: VectorStore, info: SpaceInfo) -> Calibration:
    """The calibration of a space, made from its gallery now if there is none."""
    kept = info.attributes.get(_ATTRIBUTE)
    if isinstance(kept, Mapping):
        if "calibration" in kept:
            return Calibration.from_json(kept["calibration"])
        return calibrate_space(store, info.name, false_accept_rate=float(kept["false_accept_rate"]))
    return calibrate_space(store, info.name)


def forget_calibration(store: VectorStore, space: str) -> None:
    """Drops a threshold learned from a gallery that has changed; the rate asked for is kept for the next one.

    One that was made from queries stays: the gallery cannot replace it.
    """
    info = store.info(space)
    kept = info.attributes.get(_ATTRIBUTE)
    if isinstance(kept, Mapping) and kept.get("source") == "gallery" and "calibration" in kept:
        store.annotate(space, wanted_rate(info))


def wanted_rate(info: SpaceInfo) -> dict[str, object]:
    """Attributes for a space like this one whose scores are others: the false-accept rate, if one was asked for."""
    kept = info.attributes.get(_ATTRIBUTE)
    if not isinstance(kept, Mapping):
        return {}
    return {_ATTRIBUTE: {"source": "gallery", "false_accept_rate": kept["false_accept_rate"]}}


def _remember(
    store: VectorStore, info: SpaceInfo, made: Calibration, *, source: str, settings: Mapping[str, int]
) -> None:
    remembered = {
        "source": source,
        "false_accept_rate": made.far,
        "gallery_count": info.count,
        **settings,
        "calibration": made.to_json(),
    }
    store.annotate(info.name, {_ATTRIBUTE: remembered})


class _Gallery:
    """What a space shows: which images belong to which item."""

    def __init__(self, store: VectorStore, info: SpaceInfo) -> None:
        self._store, self._info = store, info
        self.items: dict[str, str] = {}
        self._hashes: dict[str, str] = {}
        self._members: dict[str, list[str]] = defaultdict(list)
        for batch in store.iterate(info.name):
            for id_, metadata in zip(batch.ids, batch.metadata, strict=True):
                self.items[id_] = item_of(id_, metadata)
                self._hashes[id_] = str(metadata.get("sha256", id_))
                self._members[self.items[id_]].append(id_)

    def __len__(self) -> int:
        return len(self._members)

    def sample(self, size: int, seed: int) -> list[str]:
        ids = sorted(self.items)
        if len(ids) <= size:
            return ids
        chosen = np.random.default_rng(seed).choice(len(ids), size, replace=False)
        return [ids[i] for i in sorted(chosen.tolist())]

    def scores_of_members(self, ids: Sequence[str]) -> tuple[list[float], list[float]]:
        """For images of the gallery: best scores with their own item, and with any other."""
        asked = self._store.get(self._info.name, ids)
        return self.scores(asked.vectors, [self.items[id_] for id_ in asked.ids], asked.ids)

    def scores(
        self, vectors: Embeddings, items: Sequence[str | None], ids: Sequence[str] | None = None
    ) -> tuple[list[float], list[float]]:
        """Best scores with the own item (where the gallery shows it) and with any other item.

        With ``ids`` the queries are images of the gallery: they and their byte-identical copies do not count as
        their own item's photos, or every item would score a perfect 1.
        """
        known: list[float] = []
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row, item in enumerate(items):
            if item in self._members:
                rows_of[str(item)].append(row)
        for item, rows in rows_of.items():
            members = self._store.get(self._info.name, self._members[item])
            scores = vectors[rows] @ members.vectors.T
            if ids is not None:
                own = np.array([self._hashes[ids[row]] for row in rows])
                theirs = np.array([self._hashes[id_] for id_ in members.ids])
                scores[own[:, None] == theirs[None, :]] = -np.inf
            best = scores.max(axis=1)
            known += best[np.isfinite(best)].tolist()
        return known, self._best_of_others(vectors, items)

    def _best_of_others(self, vectors: Embeddings, items: Sequence[str | None]) -> list[float]:
        largest = max(len(members) for members in self._members.values())
        results = self._store.search(
            self._info.name, vectors, largest + 1, fingerprint=self._info.fingerprint, with_metadata=False
        )
        best: list[float] = []
        for item, result in zip(items, results, strict=True):
            others = (s for id_, s in zip(result.ids, result.scores.tolist(), strict=True) if self.items[id_] != item)
            best += list(islice(others, 1))
        return best
