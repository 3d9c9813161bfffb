"""Find groups of images that are nearly the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from util.errors import InvalidInputError
from util.records import Embeddings, Metadata
from util.search.extraction import Progress, no_progress
from util.vector_store.base import VectorStore

_NEIGHBOURS = 16  # asked first; images with more near-duplicates are asked again, deeper
_SCAN = 256


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A member of a group of near-identical images.

    Attributes:
        id: the image.
        path: its file, as it was indexed.
        score: similarity to the group's member most like it.
    """

    id: str
    path: str
    score: float


def find_duplicates(
    *,
    store: VectorStore,
    space: str,
    threshold: float,
    ids: Collection[str] | None = None,
    progress: Progress = no_progress,
) -> list[tuple[Duplicate, ...]]:
    """Groups of images that are linked by similarities of at least ``threshold``.

    Links chain: a ~ b and b ~ c put a, b and c into one group even where a and c alone would not be.

    Args:
        store: holds the space.
        space: its name.
        threshold: cosine similarity from which two images are linked, in (-1, 1].
        ids: only among these images; all of the space without it.
        progress: told after every batch of images.

    Returns:
        Groups of two or more, largest first; in a group, the members most alike first, then by id.

    Raises:
        InvalidInputError: if the threshold is outside (-1, 1].
        SpaceNotFoundError: if there is no such space.
    """
    if not -1 < threshold <= 1:
        raise InvalidInputError(f"the threshold is a cosine in (-1, 1], not {threshold}")
    names: list[str] = []
    paths: list[str] = []
    links: list[tuple[str, str, float]] = []
    total = store.count(space)
    for batch in store.iterate(space, batch_size=_SCAN):
        for id_, metadata in zip(batch.ids, batch.metadata, strict=True):
            names.append(id_)
            paths.append(_path(id_, metadata))
        links += _links(store, space, batch.ids, batch.vectors, threshold)
        progress(len(names), total)
    if ids is not None:
        wanted = set(ids)
        links = [link for link in links if link[0] in wanted and link[1] in wanted]
    return _groups(names, paths, links)


def _path(id_: str, metadata: Metadata) -> str:
    path = metadata.get("path")
    return path if isinstance(path, str) else id_


def _links(
    store: VectorStore, space: str, ids: tuple[str, ...], vectors: Embeddings, threshold: float
) -> Iterator[tuple[str, str, float]]:
    """Every pair (image of the batch, other image) that reaches the threshold."""
    fingerprint = store.info(space).fingerprint
    waiting = np.arange(len(ids))
    k = _NEIGHBOURS
    while len(waiting):
        results = store.search(space, vectors[waiting], k, fingerprint=fingerprint, with_metadata=False)
        deeper: list[int] = []
        for row, result in zip(waiting.tolist(), results, strict=True):
            # Rounding may put a vector's product with itself or with its copy a hair below 1.
            near = int(np.count_nonzero(result.scores >= threshold - 1e-6))
            if near == k:
                deeper.append(row)
                continue
            for found, score in zip(result.ids[:near], result.scores[:near].tolist(), strict=True):
                if found != ids[row]:
                    yield ids[row], found, score
        waiting = np.array(deeper, dtype=int)
        k *= 4


def _groups(names: list[str], paths: list[str], links: list[tuple[str, str, float]]) -> list[tuple[Duplicate, ...]]:
    if not links:
        return []
    place = {name: position for position, name in enumerate(names)}
    rows = np.array([place[one] for one, _, _ in links])
    columns = np.array([place[other] for _, other, _ in links])
    graph = coo_array((np.ones(len(links), dtype=bool), (rows, columns)), shape=(len(names), len(names)))
    _, labels = connected_components(graph, directed=False)
    best: dict[int, float] = {}
    for row, column, (_, _, score) in zip(rows.tolist(), columns.tolist(), links, strict=True):
        best[row] = max(best.get(row, -1.0), score)
        best[column] = max(best.get(column, -1.0), score)
    members: dict[int, list[Duplicate]] = {}
    for position, score in best.items():
        duplicate = Duplicate(names[position], paths[position], min(score, 1.0))
        members.setdefault(int(labels[position]), []).append(duplicate)
    groups = [tuple(sorted(group, key=lambda member: (-member.score, member.id))) for group in members.values()]
    return sorted(groups, key=lambda group: (-len(group), group[0].id))
