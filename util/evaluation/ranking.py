"""Search results as arrays: which gallery image stands at which place for which query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.records import SearchResult

NOT_IN_GALLERY = -1
"""Stands for the item of a query whose item no gallery image shows."""
UNLABELLED = -2
"""Stands for the item of an image of which nobody has said what it shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What Q queries found among G gallery images, images that must not count already taken out.

    Attributes:
        hits: int32 (Q, K), positions in ``gallery_ids``, best first; -1 behind the last hit.
        scores: float32 (Q, K), never rising; -inf behind the last hit.
        gallery_ids: G image ids.
        items: the labels of the gallery's items, sorted.
        gallery_items: int32 (G,), positions in ``items``, or ``UNLABELLED``.
        query_items: int32 (Q,), positions in ``items``, or ``NOT_IN_GALLERY``, or ``UNLABELLED``.
        n_relevant: int64 (Q,), gallery images of the query's item that might be found.
        n_candidates: int64 (Q,), gallery images of any item that might be found.
    """

    hits: NDArray[np.int32]
    scores: NDArray[np.float32]
    gallery_ids: tuple[str, ...]
    items: tuple[str, ...]
    gallery_items: NDArray[np.int32]
    query_items: NDArray[np.int32]
    n_relevant: NDArray[np.int64]
    n_candidates: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Where a hit stands, bool (Q, K)."""
        return self.hits >= 0

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Where a hit of the query's own item stands, bool (Q, K)."""
        return np.asarray(self.valid & (self.gallery_items[self.hits] == self.query_items[:, None]))

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Whether the ranking of a query holds every image that might be found, bool (Q,)."""
        return np.asarray(self.valid.sum(axis=1) == self.n_candidates)

    def id_at(self, query: int, place: int) -> str:
        """Id of the hit at a place (from 0) of a query's ranking."""
        return self.gallery_ids[int(self.hits[query, place])]

    def item_at(self, query: int, place: int) -> str:
        """Item of the hit at a place (from 0) of a query's ranking."""
        return self.items[int(self.gallery_items[self.hits[query, place]])]


def rank_gallery(
    results: Sequence[SearchResult],
    query_items: Sequence[str | None],
    gallery_items: Mapping[str, str | None],
    *,
    excluded: Sequence[Collection[str]] | None = None,
) -> Ranking:
    """Puts search results and labels into arrays and takes out what must not count.

    Taken out of a query's ranking are the ids excluded for it (above all the query itself, see ``own_images``) and
    gallery images without a label, of which nobody can say whether they are right or wrong.

    Args:
        results: Q rankings, of any depth.
        query_items: Q labels; ``None`` where nobody has said what the query shows.
        gallery_items: label (or ``None``) of every gallery image by id, found or not.
        excluded: Q collections of gallery ids that must not count for the query.

    Raises:
        InvalidInputError: if the gallery is empty, the lengths differ or a hit is no image of the gallery.

    >>> found = SearchResult("a1", ("a1", "b1", "a2"), np.array([1.0, 0.9, 0.8]))
    >>> ranking = rank_gallery([found], ["a"], {"a1": "a", "a2": "a", "b1": "b"}, excluded=[{"a1"}])
    >>> [ranking.id_at(0, place) for place in range(2)], ranking.n_relevant.tolist()
    (['b1', 'a2'], [1])
    """
    _check_lengths(results, query_items, excluded)
    if not gallery_items:
        raise InvalidInputError("the gallery is empty: index images before evaluating")
    position = {id_: number for number, id_ in enumerate(gallery_items)}
    items = tuple(sorted({item for item in gallery_items.values() if item is not None}))
    code = {item: number for number, item in enumerate(items)}
    gallery_codes = np.array(
        [UNLABELLED if item is None else code[item] for item in gallery_items.values()], dtype=np.int32
    )
    query_codes = np.array(
        [UNLABELLED if item is None else code.get(item, NOT_IN_GALLERY) for item in query_items], dtype=np.int32
    )
    left_out = [
        np.array(sorted(position[id_] for id_ in set(ids) if id_ in position), dtype=np.int32)
        for ids in (excluded or [()] * len(results))
    ]
    hits, scores = _as_arrays(results, position)
    hits, scores = _without(hits, scores, gallery_codes, left_out)
    n_relevant, n_candidates = _count_findable(gallery_codes, query_codes, left_out, len(items))
    return Ranking(hits, scores, tuple(position), items, gallery_codes, query_codes, n_relevant, n_candidates)


def own_images(
    *,
    query_ids: Sequence[str] | None = None,
    query_contents: Sequence[str] | None = None,
    gallery_contents: Mapping[str, str] | None = None,
) -> list[frozenset[str]]:
    """The gallery ids that must not count for each query: the query itself, and copies of its very bytes.

    Args:
        query_ids: Q ids; only where the queries are images *of the gallery*, for two folders may both hold a
            ``milk/1.jpg``.
        query_contents: Q content hashes of the queries.
        gallery_contents: content hash of each gallery image by id; goes with ``query_contents``.

    Raises:
        InvalidInputError: if neither ids nor both kinds of hashes are given, or the lengths differ.

    >>> [sorted(ids) for ids in own_images(query_contents=["h1"], gallery_contents={"a": "h1", "b": "h2", "c": "h1"})]
    [['a', 'c']]
    """
    if (query_contents is None) != (gallery_contents is None) or query_ids is query_contents is None:
        raise InvalidInputError("own images are found by ids, or by content hashes of the queries and of the gallery")
    by_id = [] if query_ids is None else [frozenset({id_}) for id_ in query_ids]
    if query_contents is None or gallery_contents is None:
        return by_id
    copies: dict[str, set[str]] = {}
    for id_, content in gallery_contents.items():
        copies.setdefault(content, set()).add(id_)
    by_content = [frozenset(copies.get(content, ())) for content in query_contents]
    if query_ids is None:
        return by_content
    if len(by_content) != len(by_id):
        raise InvalidInputError(f"{len(by_id)} queries need as many content hashes, got {len(by_content)}")
    return [ids | contents for ids, contents in zip(by_id, by_content, strict=True)]


def _check_lengths(
    results: Sequence[SearchResult],
    query_items: Sequence[str | None],
    excluded: Sequence[Collection[str]] | None,
) -> None:
    if len(query_items) != len(results):
        raise InvalidInputError(f"{len(results)} search results need as many query items, got {len(query_items)}")
    if excluded is not None and len(excluded) != len(results):
        raise InvalidInputError(f"{len(results)} search results need as many sets of excluded ids, got {len(excluded)}")


def _as_arrays(
    results: Sequence[SearchResult], position: Mapping[str, int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    depth = max((len(result) for result in results), default=0)
    hits = np.full((len(results), max(depth, 1)), -1, dtype=np.int32)
    scores = np.full(hits.shape, -np.inf, dtype=np.float32)
    for row, result in enumerate(results):
        try:
            hits[row, : len(result)] = np.fromiter(map(position.__getitem__, result.ids), np.int32, len(result))
        except KeyError as unknown:
            raise InvalidInputError(
                f"query {result.query!r} found {unknown.args[0]!r}, which is not in the gallery's labels: "
                "list every image of the gallery, with None where its item is unknown"
            ) from None
        scores[row, : len(result)] = result.scores
    return hits, scores


def _without(
    hits: NDArray[np.int32],
    scores: NDArray[np.float32],
    gallery_codes: NDArray[np.int32],
    left_out: Sequence[NDArray[np.int32]],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The rankings without unlabelled and excluded images, closed up to the left."""
    kept = hits >= 0
    if np.any(gallery_codes == UNLABELLED):
        kept &= gallery_codes[hits] != UNLABELLED
    for row, positions in enumerate(left_out):
        if positions.size:
            kept[row] &= ~np.isin(hits[row], positions)
    order = np.argsort(~kept, axis=1, kind="stable")
    kept = np.take_along_axis(kept, order, axis=1)
    hits = np.where(kept, np.take_along_axis(hits, order, axis=1), np.int32(-1))
    scores = np.where(kept, np.take_along_axis(scores, order, axis=1), np.float32(-np.inf))
    return hits, scores


def _count_findable(
    gallery_codes: NDArray[np.int32],
    query_codes: NDArray[np.int32],
    left_out: Sequence[NDArray[np.int32]],
    n_items: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    labelled = gallery_codes[gallery_codes >= 0]
    per_item = np.bincount(labelled, minlength=n_items)
    n_relevant = np.array([per_item[code] if code >= 0 else 0 for code in query_codes], dtype=np.int64)
    n_candidates = np.full(len(query_codes), labelled.size, dtype=np.int64)
    for row, positions in enumerate(left_out):
        lost = gallery_codes[positions]
        n_candidates[row] -= np.count_nonzero(lost >= 0)
        if query_codes[row] >= 0:
            n_relevant[row] -= np.count_nonzero(lost == query_codes[row])
    return n_relevant, n_candidates
