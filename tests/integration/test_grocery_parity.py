"""Every store gives the same ten most similar groceries for every test photo, ties apart."""

import os
from pathlib import Path

import numpy as np
import pytest

from util.datasets import read_dataset
from util.image_extract import load
from util.records import SearchResult
from util.search.copying import copy_space
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.service_client import NearIDClient
from util.vector_store import open_store

SPACE = "grocery parity"
HITS = 10
TOLERANCE = 2e-6
"""Stores multiply in float32, and in different orders."""


@pytest.fixture(scope="module")
def embedded(grocery: Path, tmp_path_factory) -> str:
    """The URL of an embedded store with Grocery's 2,640 photos for training."""
    url = f"embedded:{tmp_path_factory.mktemp('embedded') / 'nearid.db'}"
    with open_store(url) as store:
        report = index_images(
            read_dataset(grocery / "train.txt"), extraction=Extraction(load("color_texture")), store=store, space=SPACE
        )
    assert (report.indexed, report.failed) == (2640, [])
    return url


@pytest.fixture(scope="module")
def photos(grocery: Path) -> list[str]:
    """Paths of Grocery's 1,247 photos for testing."""
    return [record.path for record in read_dataset(grocery / "test.txt")]


@pytest.fixture(scope="module")
def queries(photos: list[str]) -> np.ndarray:
    """Their embeddings."""
    kept, rows, failed = Extraction(load("color_texture")).embed_sources(photos)
    assert (len(kept), failed) == (1247, [])
    return rows


def apart_from_ties(ours: SearchResult, theirs: SearchResult) -> bool:
    """Whether two answers are one, where scores that are equal but for rounding may stand in another order.

    At the end, one of several equals may also stand for another.
    """
    if len(ours) != len(theirs) or not np.allclose(ours.scores, theirs.scores, rtol=0, atol=TOLERANCE):
        return False
    last = float(ours.scores[-1])
    scores = {hit.id: hit.score for hit in ours}
    for hit in theirs:
        if abs(scores.get(hit.id, last) - hit.score) > TOLERANCE:
            return False
    return {hit.id for hit in ours if hit.score > last + TOLERANCE} <= set(theirs.ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "qdrant+local",
        pytest.param("QDRANT_URL", marks=pytest.mark.server),
        pytest.param("VEARCH_URL", marks=pytest.mark.server),
    ],
)
def test_the_same_ten_for_every_test_photo(embedded, queries, tmp_path, kind):
    url = f"{kind}:{tmp_path / 'store'}" if kind.islower() else os.environ.get(kind, "")
    if not url:
        pytest.skip(f"{kind} names no server to test on")
    with open_store(embedded) as source, open_store(url) as target:
        copied = copy_space(source, SPACE, target)
        assert (copied.images, copied.written) == (2640, 2640)
        try:
            ours = source.search(SPACE, queries, HITS, fingerprint=source.info(SPACE).fingerprint)
            theirs = target.search(SPACE, queries, HITS, fingerprint=target.info(SPACE).fingerprint)
        finally:
            target.drop_space(SPACE)
    differing = [n for n in range(len(queries)) if not apart_from_ties(ours[n], theirs[n])]
    assert differing == []
    same = sum(one.ids == other.ids for one, other in zip(ours, theirs, strict=True))
    items = sum(one.hits[0].item == other.hits[0].item for one, other in zip(ours, theirs, strict=True))
    print(f"{kind}: {same} of {len(queries)} answers have the same ids in the same order, {items} the same first item")


@pytest.mark.slow
def test_the_service_gives_the_same_ten_for_every_test_photo(embedded, photos, queries, start_service):
    with open_store(embedded) as store:
        ours = store.search(SPACE, queries, HITS, fingerprint=store.info(SPACE).fingerprint)
    with NearIDClient(start_service(store=embedded)) as client:
        found = client.search(SPACE, photos, k=HITS)
    assert found.failed == ()
    assert [n for n in range(len(ours)) if not apart_from_ties(ours[n], found.results[n])] == []
