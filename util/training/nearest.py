"""How often the nearest photo shows the right item, computed where the embeddings are."""

from __future__ import annotations

import torch
from torch.nn import functional

_ROWS = 4096  # queries compared at once


def recall_at_1(
    queries: torch.Tensor, query_items: torch.Tensor, gallery: torch.Tensor | None, gallery_items: torch.Tensor
) -> float:
    """Share of queries whose nearest photo shows their item.

    Args:
        queries: (Q, D), of any length.
        query_items: (Q,) number of each item.
        gallery: (G, D); ``None`` takes each query's nearest among the other queries.
        gallery_items: (G,), or the queries' own.

    Returns:
        In [0, 1], over the queries that have another photo of their item to find.

    >>> photos, items = torch.eye(3)[[0, 0, 1, 2]], torch.tensor([7, 7, 8, 8])
    >>> recall_at_1(photos, items, None, items)
    0.5
    """
    compared = functional.normalize(queries.float() if gallery is None else gallery.float())
    right = findable = 0
    for start in range(0, len(queries), _ROWS):
        rows = slice(start, start + _ROWS)
        scores = functional.normalize(queries[rows].float()) @ compared.T
        same = query_items[rows, None] == gallery_items[None]
        if gallery is None:
            places = torch.arange(len(scores), device=scores.device)
            scores[places, places + start] = -torch.inf
            same[places, places + start] = False
        can = same.any(1)
        right += int((same[torch.arange(len(same)), scores.argmax(1)] & can).sum())
        findable += int(can.sum())
    return right / findable if findable else 0.0
