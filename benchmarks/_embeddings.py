"""Embeddings of photos, kept between runs of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from util.image_extract.base import Extractor
from util.images import read_image
from util.records import ImageRecord


def embed(
    records: Sequence[ImageRecord], extractor: Extractor, kept: Path | None = None, part: str = ""
) -> NDArray[np.float32]:
    """(N, D) unit rows, a batch at a time; from the folder where they are there already.

    Args:
        records: N photos.
        extractor: makes the embeddings.
        kept: folder; ``None`` keeps nothing.
        part: of the data set, for the file's name.
    """
    path = None if kept is None else kept / f"{extractor.fingerprint}-{part}-{len(records)}.npy"
    if path is not None and path.exists():
        return np.asarray(np.load(path))
    batches = [records[start : start + 32] for start in range(0, len(records), 32)]
    vectors = np.concatenate([extractor.extract([read_image(one.path) for one in batch]) for batch in batches])
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, vectors)
    return vectors
