"""An embedded store with one space, and its insides."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.vector_store.embedded import EmbeddedStore

FINGERPRINT = "f" * 64


class Bench:
    """A store on a file, filled with random unit rows under ids that count."""

    def __init__(self, path: Path, *, dimension: int = 8, index: str = "Flat", cache_from: int = 0) -> None:
        self.path, self.dimension, self.cache_from = path, dimension, cache_from
        self.vectors: dict[str, np.ndarray] = {}
        self._rng = np.random.default_rng(0)
        self.store = EmbeddedStore(path, cache_from=cache_from)
        self.store.create_space(SpaceInfo("s", "e", dimension, FINGERPRINT, index=index), exist_ok=True)

    @property
    def caches(self) -> Path:
        return self.path.with_name(self.path.name + ".index")

    def add(self, first: int, last: int, *, clusters: int = 0) -> None:
        """Writes images first … last-1, in new random places (around some centres)."""
        rows = self._rng.standard_normal((last - first, self.dimension))
        if clusters:
            centres = np.random.default_rng(1).standard_normal((clusters, self.dimension))
            rows = centres[self._rng.integers(clusters, size=len(rows))] + 0.15 * rows
        rows = unit_rows(rows)
        ids = [f"{number:06}" for number in range(first, last)]
        self.store.upsert("s", ids, rows, [{"n": n} for n in range(first, last)], fingerprint=FINGERPRINT)
        self.vectors |= dict(zip(ids, rows, strict=True))

    def remove(self, first: int, last: int) -> None:
        ids = [f"{number:06}" for number in range(first, last)]
        assert self.store.delete("s", ids=ids) == last - first
        for id_ in ids:
            del self.vectors[id_]

    def expected(self, query: np.ndarray, k: int) -> list[str]:
        ids = sorted(self.vectors)
        scores = np.array([self.vectors[id_] for id_ in ids], dtype=np.float64) @ query.astype(np.float64)
        # Stable: equal scores stay in the order of the ids.
        return [ids[place] for place in np.argsort(-scores.astype(np.float32), kind="stable")[:k]]

    def found(self, query: np.ndarray, k: int, store: EmbeddedStore | None = None) -> list[str]:
        result = (store or self.store).search("s", query[np.newaxis], k, fingerprint=FINGERPRINT)[0]
        assert [fields["n"] for fields in result.metadata] == [int(id_) for id_ in result.ids]
        return list(result.ids)

    def query(self, seed: int = 7) -> np.ndarray:
        return unit_rows(np.random.default_rng(seed).standard_normal((1, self.dimension)))[0]

    def check(self, store: EmbeddedStore | None = None) -> None:
        for seed in range(5):
            assert self.found(self.query(seed), 10, store) == self.expected(self.query(seed), 10)

    def another(self) -> EmbeddedStore:
        """The same file opened again, as another process would."""
        return EmbeddedStore(self.path, cache_from=self.cache_from)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: object) -> Bench:
        made.append(Bench(tmp_path / f"{len(made)}.db", **options))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.fixture
def builds(monkeypatch):
    """What was done to indexes of FAISS, in order."""
    from util.vector_store.embedded.indexes.faiss_index import FaissIndex, FaissKind

    done = []
    for owner, name in ((FaissKind, "build"), (FaissIndex, "extended"), (FaissKind, "read")):
        real = getattr(owner, name)

        def recorded(*arguments, real=real, name=name, **options):
            made = real(*arguments, **options)
            done.append(name)
            return made

        monkeypatch.setattr(owner, name, recorded)
    return done
