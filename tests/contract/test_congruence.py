"""All stores give the same answers: one history of random writes and questions, told to every store and to numpy.

The space of each store bears the store's name, since some of them share a server.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from util.errors import DimensionMismatchError, FingerprintMismatchError
from util.records import SpaceInfo, unit_rows
from util.vector_store.filters import Range, matches

FINGERPRINT = "f" * 64
DIMENSION = 24
TOLERANCE = 2e-6
"""Stores multiply in float32, and in different orders."""

ITEMS = ["milk", "cream", "milk 2", "Ü", "7", "true", ""]


@dataclass
class Naive:
    """What a store does, without a store."""

    images: dict[str, tuple[np.ndarray, dict]] = field(default_factory=dict)

    def matching(self, where) -> list[str]:
        return sorted(id_ for id_, (_, metadata) in self.images.items() if matches(metadata, where or {}))

    def scores(self, query, where) -> dict[str, float]:
        return {id_: float(self.images[id_][0].astype(float) @ query.astype(float)) for id_ in self.matching(where)}


@dataclass
class History:
    """Random batches, filters and queries from a seed."""

    rng: np.random.Generator
    known: list[np.ndarray] = field(default_factory=list)

    def vectors(self, count: int) -> np.ndarray:
        """Unit rows; some of them are rows given before, some nearly so, and one in twenty is zero."""
        rows = unit_rows(self.rng.standard_normal((count, DIMENSION)))
        for row in rows:
            kind = self.rng.random()
            if kind < 0.05:
                row[:] = 0
            elif kind < 0.35 and self.known:
                row[:] = self.known[self.rng.integers(len(self.known))]
            elif kind < 0.5 and self.known:
                near = self.known[self.rng.integers(len(self.known))] + 0.01 * self.rng.standard_normal(DIMENSION)
                row[:] = unit_rows(near[np.newaxis])[0]
        self.known += list(rows)
        return rows

    def ids(self, count: int) -> list[str]:
        return [f"folder {self.rng.integers(9)}/ü'\"{self.rng.integers(60):02}.jpg" for _ in range(count)]

    def metadata(self) -> dict:
        fields = {
            "item": ITEMS[self.rng.integers(len(ITEMS))],
            "year": [1999, 1999.0, -3, 2**53 + 1, 0.1, "1999", None][self.rng.integers(7)],
            "price": float(self.rng.normal()),
            "new": [True, False, 1, 0][self.rng.integers(4)],
            "tags": [ITEMS[n] for n in self.rng.integers(len(ITEMS), size=self.rng.integers(3))],
        }
        kept = self.rng.random(len(fields)) < 0.8
        return {name: value for (name, value), keep in zip(fields.items(), kept, strict=True) if keep}

    def where(self) -> dict | None:
        low = float(self.rng.normal())
        choices = [
            None,
            {},
            {"item": ITEMS[self.rng.integers(len(ITEMS))]},
            {"item": ITEMS[:3], "new": True},
            {"tags": ["milk", "7"], "price": Range(gt=low)},
            {"price": Range(gte=low, lt=low + 1)},
            {"year": 1999},
            {"year": (1999, "1999")},
            {"year": Range(gt=2**53)},
            {"year": Range(lte=0.1)},
            {"new": [1, False]},
            {"new": []},
            {"nowhere": "x"},
        ]
        return choices[self.rng.integers(len(choices))]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_history_gives_the_same_answers(all_stores, seed):
    history, naive = History(np.random.default_rng(seed)), Naive()
    for name, store in all_stores.items():
        store.create_space(SpaceInfo(name, "e", DIMENSION, FINGERPRINT, recipe="r"))
    for step in range(12):
        write(all_stores, naive, history)
        ask(all_stores, naive, history, k=[1, 5, 30, 1000][step % 4])
    for name, store in all_stores.items():
        assert dump(store, name) == {id_: (row.tobytes(), fields) for id_, (row, fields) in naive.images.items()}, name


def write(stores, naive, history):
    """One batch of new and replaced images, then some deletions."""
    ids = history.ids(25)
    vectors, metadata = history.vectors(len(ids)), [history.metadata() for _ in ids]
    gone, where = history.ids(6), history.where() or {"item": "milk"}
    for name, store in stores.items():
        store.upsert(name, ids, vectors, metadata, fingerprint=FINGERPRINT)
    naive.images |= {id_: (row, fields) for id_, row, fields in zip(ids, vectors, metadata, strict=True)}
    there = set(gone) & naive.images.keys()
    removed = {name: store.delete(name, ids=gone) for name, store in stores.items()}
    assert removed == dict.fromkeys(stores, len(there))
    for id_ in there:
        del naive.images[id_]
    if len(naive.matching(where)) < len(naive.images) / 4:
        there = naive.matching(where)
        removed = {name: store.delete(name, where=where) for name, store in stores.items()}
        assert removed == dict.fromkeys(stores, len(there))
        for id_ in there:
            del naive.images[id_]


def ask(stores, naive, history, *, k):
    """Counts, searches, pages and single images, with and without filters."""
    queries, where, asked = history.vectors(4), history.where(), history.ids(5)
    ids = naive.matching(where)
    for name, store in stores.items():
        assert store.info(name).count == len(naive.images), name
        assert store.count(name, where) == len(ids), (name, where)
        pages = list(store.iterate(name, where=where, batch_size=7))
        assert [id_ for page in pages for id_ in page.ids] == ids, (name, where)
        assert list(store.get(name, asked).ids) == [id_ for id_ in asked if id_ in naive.images], name
        results = store.search(name, queries, k, fingerprint=FINGERPRINT, where=where)
        for query, result in zip(queries, results, strict=True):
            check(result, naive.scores(query, where), k)
            assert [dict(fields) for fields in result.metadata] == [naive.images[id_][1] for id_ in result.ids], name


def check(result, scores, k):
    """The k best, each with its score; of those that are equal but for rounding, any."""
    best = sorted(scores.values(), reverse=True)[:k]
    np.testing.assert_allclose(result.scores, best, atol=TOLERANCE)
    np.testing.assert_allclose(result.scores, [scores[id_] for id_ in result.ids], atol=TOLERANCE)
    ties = [(-score, id_) for score, id_ in zip(result.scores.tolist(), result.ids, strict=True)]
    assert ties == sorted(ties)
    if best:
        assert {id_ for id_, score in scores.items() if score > best[-1] + TOLERANCE} <= set(result.ids)


def dump(store, space):
    return {
        id_: (row.tobytes(), dict(fields))
        for page in store.iterate(space)
        for id_, row, fields in zip(page.ids, page.vectors, page.metadata, strict=True)
    }


def test_the_same_refusals(all_stores):
    rows = unit_rows(np.ones((1, DIMENSION)))
    for name, store in all_stores.items():
        store.create_space(SpaceInfo(name, "e", DIMENSION, FINGERPRINT))
        with pytest.raises(FingerprintMismatchError):
            store.upsert(name, ["a"], rows, [{}], fingerprint="0" * 64)
        with pytest.raises(DimensionMismatchError):
            store.search(name, rows[:, 1:], 1, fingerprint=FINGERPRINT)
        assert store.count(name) == 0
