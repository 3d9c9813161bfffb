"""What a run is judged by while it goes on: photos it does not learn from, and where their items are looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from util.errors import DatasetError
from util.networks.normalisation import normalised
from util.records import Embeddings, ImageRecord, unit_rows
from util.training.plans import Indices

LARGEST_GALLERY = 10_000
"""Training photos that validation photos are looked for among, at most."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The photos of a validation, gallery first.

    Attributes:
        records: the photos.
        items: (V,) the number of each one's item.
        n_gallery: how many of them are gallery; 0 where queries are looked for among one another.
    """

    records: tuple[ImageRecord, ...]
    items: Indices
    n_gallery: int

    def __deepcopy__(self, memo: dict[int, object]) -> Validation:
        """Itself: nothing of it changes, and averaging weights copies the network that holds it."""
        return self

    @property
    def queries(self) -> tuple[ImageRecord, ...]:
        """The photos that are looked up."""
        return self.records[self.n_gallery :]


def plan_validation(training: Sequence[ImageRecord], held_out: Sequence[ImageRecord], *, seed: int) -> Validation:
    """Held-out photos of items that were trained on are looked for among the training photos; others among themselves.

    Args:
        training: labelled photos that are learnt from.
        held_out: labelled photos that are not.
        seed: chooses the gallery where there are more than ``LARGEST_GALLERY`` training photos.

    Raises:
        DatasetError: if no held-out photo has another photo of its item to find.
    """
    known = {record.item for record in training}
    gallery: list[ImageRecord] = []
    if held_out and all(record.item in known for record in held_out):
        gallery = list(training)
        if len(gallery) > LARGEST_GALLERY:
            chosen = np.random.default_rng(seed).choice(len(gallery), LARGEST_GALLERY, replace=False)
            gallery = [gallery[place] for place in sorted(chosen)]
    counts = Counter(record.item for record in gallery) or Counter(record.item for record in held_out)
    least = 1 if gallery else 2
    if not any(counts[record.item] >= least for record in held_out):
        raise DatasetError(
            f"nothing to validate on: of {len(held_out)} validation photos none has another photo of its item to find; "
            "give more photos an item, a larger validation_share, or validation photos of their own"
        )
    photos = (*gallery, *held_out)
    names = {name: number for number, name in enumerate(sorted({str(record.item) for record in photos}))}
    items = np.array([names[str(record.item)] for record in photos], dtype=np.int64)
    return Validation(photos, items, len(gallery))


def embed_validation(
    network: nn.Module, batches: Iterable[torch.Tensor], *, mean: Sequence[float], std: Sequence[float]
) -> Embeddings:
    """Embeddings of validation photos by a network that has been trained.

    Args:
        network: gives embeddings; is put into evaluation mode.
        batches: uint8 (B, H, W, C), on the network's device.
        mean: of each channel.
        std: likewise.

    Returns:
        float32 (V, D) unit rows.
    """
    network.eval()
    with torch.inference_mode():
        rows = [network(normalised(batch, mean, std)).float() for batch in batches]
    return unit_rows(torch.cat(rows).numpy())
