"""Rankings made of a score matrix, and the strategies that vary them."""

from __future__ import annotations

import numpy as np
import pytest

from util.records import SearchResult


def results_of(scores, gallery_ids, *, depth=None):
    """The full (or cut) search results of a score matrix, equal scores ordered by id, as a store promises."""
    found = []
    for row, line in enumerate(np.asarray(scores, dtype=np.float32)):
        order = sorted(range(len(gallery_ids)), key=lambda j, line=line: (-line[j], gallery_ids[j]))[:depth]
        found.append(SearchResult(f"q{row}", tuple(gallery_ids[j] for j in order), line[order]))
    return found


@pytest.fixture(name="results_of", scope="session")
def _results_of():
    return results_of


@pytest.fixture
def shelf():
    """Four photos of three items and five queries whose answers can be worked out by hand.

    Query 0 is right at once, query 1 at the second place, query 2 shows an item that the gallery lacks, query 3 has no
    label, query 4 ties a right with a wrong image at the top (the wrong one first by id).
    """
    gallery = {"g1": "milk", "g2": "milk", "g3": "cream", "g4": "juice"}
    query_items = ["milk", "cream", "soup", None, "juice"]
    scores = [
        [0.9, 0.7, 0.8, 0.1],
        [0.8, 0.2, 0.6, 0.1],
        [0.3, 0.2, 0.5, 0.4],
        [0.9, 0.9, 0.9, 0.9],
        [0.1, 0.2, 0.7, 0.7],
    ]
    return results_of(scores, list(gallery)), query_items, gallery
