"""A checksum of what a space holds, the same in every store."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from util.records import Metadata
from util.search.extraction import Progress, no_progress
from util.vector_store.base import StoredImages, VectorStore

_MODULUS = 1 << 256


class ContentChecksum:
    """A checksum of images that depends neither on their order nor on how they are put into batches.

    Each image is written as bytes: its id, its vector and its metadata, each after its length. The vector is its
    float32 numbers, little-endian, with -0 as 0; the metadata is JSON with sorted keys, in ASCII, without spaces. The
    checksum is the sum of the SHA-256 of all images modulo 2²⁵⁶ (an additive set hash: Bellare and Micciancio, *A New
    Paradigm for Collision-Free Hashing*, 1997). It finds what went wrong, not who wants to deceive: sums of hashes
    can be forged.

    There is no tolerance. All stores keep float32 exactly, as their contract demands.

    >>> images = StoredImages(("a", "b"), np.eye(2, dtype=np.float32), ({"n": 1}, {}))
    >>> whole, parts = ContentChecksum(), ContentChecksum()
    >>> whole.add(images)
    >>> parts.add(StoredImages(("b",), images.vectors[1:], ({},)))
    >>> parts.add(StoredImages(("a",), images.vectors[:1], ({"n": 1},)))
    >>> whole.count, whole.hexdigest() == parts.hexdigest()
    (2, True)

    Attributes:
        count: how many images it is of.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, images: StoredImages) -> None:
        """Takes in more images, none of which it has had before."""
        rows = (images.vectors + np.float32(0)).astype("<f4")
        for id_, row, metadata in zip(images.ids, rows, images.metadata, strict=True):
            digest = hashlib.sha256()
            for part in (id_.encode(), row.tobytes(), metadata_bytes(metadata)):
                digest.update(len(part).to_bytes(8, "little"))
                digest.update(part)
            self._sum = (self._sum + int.from_bytes(digest.digest(), "little")) % _MODULUS
        self.count += len(images)

    def hexdigest(self) -> str:
        """The checksum as 64 hexadecimal digits; zeros for no images."""
        return f"{self._sum:064x}"


def metadata_bytes(metadata: Metadata) -> bytes:
    r"""Metadata as they go into the checksum: equal bytes for equal metadata, of the same kinds of numbers.

    >>> metadata_bytes({"b": 7.0, "a": "ü"})
    b'{"a":"\\u00fc","b":7.0}'
    """
    return json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def checksum_of(
    store: VectorStore, space: str, *, batch_size: int = 1000, progress: Progress = no_progress
) -> ContentChecksum:
    """Reads a whole space for its checksum, in flat memory.

    Args:
        store: holds the space.
        space: its name.
        batch_size: images read at once.
        progress: told after every batch.

    Raises:
        SpaceNotFoundError: if there is no such space.
    """
    total = store.info(space).count
    checksum = ContentChecksum()
    for batch in store.iterate(space, batch_size=batch_size):
        checksum.add(batch)
        progress(checksum.count, total)
    return checksum
