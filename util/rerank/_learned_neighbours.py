"""The neighbours in a gallery, learned once: from those of an earlier content of it, where that is remembered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from util.rerank._cache import ArrayCache
from util.rerank._folder import Arrays
from util.rerank._neighbour_lists import NeighbourLists, follow, list_neighbours
from util.rerank.base import Gallery

_KEY_BYTES = 16
_SPARE = 4  # of so many neighbours, one more is kept, so that images may go
_LEAST_SPARE = 8
_MOST_LOOKED_AT = 8  # earlier contents
_LEAST_IN_COMMON = 0.5  # of the images: with less, learning from scratch is as fast


def learned_neighbours(gallery: Gallery, k: int, cache: ArrayCache) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k most similar other images of each image, exactly; equal cosines by row.

    Images that came or went since a gallery was learned cost what *they* take: newcomers are compared with all others,
    and lists that lost too many neighbours are made anew. The result is that of learning from scratch.

    Args:
        gallery: N images, in the order of their ids wherever it is to follow an earlier one.
        k: how many.
        cache: remembers.

    Returns:
        int32 rows (N, K), most similar first, and their float32 cosines (N, K), with K = min(k, N − 1).
    """
    k = max(min(k, len(gallery) - 1), 0)
    width = min(k + max(k // _SPARE, _LEAST_SPARE), max(len(gallery) - 1, 0))
    kind = ("neighbours", gallery.fingerprint, gallery.vectors.shape[1])
    made = cache.get_or_make(
        ("neighbours", gallery.digest, width), lambda: _learn(gallery, k, width, cache, kind), kind=kind
    )
    return made["rows"][:, :k], made["cosines"][:, :k]


def _learn(gallery: Gallery, k: int, width: int, cache: ArrayCache, kind: tuple[object, ...]) -> Arrays:
    images = _image_keys(gallery)
    earlier = _nearest_earlier(cache, kind, images, least=k)
    lists = None
    if earlier is not None and (arrays := cache.entry(earlier.name)) is not None:
        known = NeighbourLists.from_arrays(arrays)
        lists = follow(known, earlier.kept, earlier.now, gallery.vectors, least=k).shortened(width)
    if lists is None:
        lists = list_neighbours(gallery.vectors, width)
    return {"images": images, "width": np.array(lists.width), **lists.to_arrays()}


@dataclass(frozen=True, slots=True, eq=False)
class _Earlier:
    """An earlier content of a gallery.

    Attributes:
        name: of the entry that remembers it.
        kept: rows, there, of the images that stayed, rising.
        now: their present rows, rising.
    """

    name: str
    kept: NDArray[np.intp]
    now: NDArray[np.intp]


def _nearest_earlier(
    cache: ArrayCache, kind: tuple[object, ...], images: NDArray[np.bytes_], *, least: int
) -> _Earlier | None:
    """The one that has most images in common with the present content, if that is enough."""
    most, nearest = int(len(images) * _LEAST_IN_COMMON), None
    for name in cache.of_kind(kind)[:_MOST_LOOKED_AT]:
        entry = cache.entry(name, only=("images", "width"))
        if entry is None or entry["width"] < least:
            continue
        _, kept, now = np.intersect1d(entry["images"], images, assume_unique=True, return_indices=True)
        order = np.argsort(kept)
        kept, now = kept[order], now[order]
        # Equal cosines are ordered by row: lists of images in another order are of no use.
        if len(kept) > most and (np.diff(now) > 0).all():
            most, nearest = len(kept), _Earlier(name, kept, now)
    return nearest


def _image_keys(gallery: Gallery) -> NDArray[np.bytes_]:
    """What tells images apart, id and vector: bytes (N,)."""
    keys = [
        hashlib.blake2b(vector.tobytes(), key=hashlib.sha256(id_.encode()).digest(), digest_size=_KEY_BYTES).digest()
        for id_, vector in zip(gallery.ids, gallery.vectors, strict=True)
    ]
    return np.array(keys, dtype=f"S{_KEY_BYTES}")
