"""Small galleries, drawn so that items overlap, and the queries that go with them."""

from collections.abc import Callable

import numpy as np
import pytest

from util.records import SearchResult, unit_rows
from util.rerank.base import Gallery, RankedQueries


def search(gallery: Gallery, vectors: np.ndarray, depth: int | None = None) -> tuple[SearchResult, ...]:
    """What a store would answer: the nearest images by cosine, equal ones by id."""
    results = []
    for number, vector in enumerate(vectors):
        cosines = gallery.vectors @ vector
        order = sorted(range(len(gallery)), key=lambda row: (-cosines[row], gallery.ids[row]))[:depth]
        metadata = tuple({"item": gallery.ids[row]} for row in order)
        results.append(SearchResult(f"q{number}", tuple(gallery.ids[row] for row in order), cosines[order], metadata))
    return tuple(results)


def draw(seed: int, *, images: int = 60, items: int = 8, queries: int = 5, dimension: int = 6) -> RankedQueries:
    """Queries and gallery around common centres, the whole gallery ranked."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(items, dimension))
    labels = rng.integers(0, items, images + queries)
    vectors = unit_rows(centres[labels] + 0.6 * rng.normal(size=(images + queries, dimension)))
    gallery = Gallery(tuple(f"g{number:03d}" for number in range(images)), vectors[:images])
    return RankedQueries(search(gallery, vectors[images:]), vectors[images:], gallery)


@pytest.fixture
def drawn() -> Callable[..., RankedQueries]:
    """Draws queries; the same seed draws the same."""
    return draw


@pytest.fixture
def asked() -> Callable[..., RankedQueries]:
    """Asks hand-written queries of a hand-written gallery, whose images are called a, b, c …"""

    def ask(gallery: list[list[float]], queries: list[list[float]], depth: int | None = None) -> RankedQueries:
        known = Gallery(tuple(chr(97 + row) for row in range(len(gallery))), unit_rows(np.array(gallery, np.float32)))
        vectors = unit_rows(np.array(queries, np.float32))
        return RankedQueries(search(known, vectors, depth), vectors, known)

    return ask
