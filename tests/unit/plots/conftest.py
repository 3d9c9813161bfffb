"""An evaluation of real pictures on disk, small enough to be worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from util.evaluation.calibration import calibrate
from util.evaluation.evaluate import evaluate_ranking
from util.records import ImageRecord, SearchResult


def noisy_picture(seed, size=(64, 48)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def make_evaluation(folder, items, *, queries_per_item=3, unknown=(), size=(64, 48), **options):
    """Items on the shelf with two photos each; the second half of the items is mixed up with its neighbour."""
    folder.mkdir(parents=True, exist_ok=True)
    gallery = {f"{number}-{photo}": item for number, item in enumerate(items) for photo in "ab"}
    random = np.random.default_rng(0)
    queries, results, ids = [], [], list(gallery)
    for number, item in enumerate([*items, *unknown]):
        for photo in range(queries_per_item):
            scores = random.uniform(0.0, 0.3, len(ids))
            if number < len(items):
                nearest = (number + 1) % len(items) if number >= len(items) // 2 and photo else number
                scores[2 * nearest] = 0.9 - 0.01 * photo
                scores[2 * number + 1] = 0.5
            order = np.lexsort((ids, -scores))
            name = f"q{number}-{photo}"
            queries.append(ImageRecord(name, str(folder / f"{name}.png"), item))
            results.append(SearchResult(name, tuple(ids[j] for j in order), scores[order]))
    paths = {id_: str(folder / f"{id_}.png") for id_ in ids}
    for seed, path in enumerate([*paths.values(), *(query.path for query in queries)]):
        Image.fromarray(noisy_picture(seed, size)).save(path, compress_level=1)
    return evaluate_ranking(results, queries, gallery, gallery_paths=paths, **options)


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory):
    """Four items, one of them with a name that tries to be a script, an item that the shelf lacks, and decisions."""
    return make_evaluation(
        tmp_path_factory.mktemp("shelf"),
        ["milk", "cream $x_1$ & co", "<script>alert('item')</script>", "みかん"],
        unknown=["soup"],
        calibration=calibrate([0.4, 0.8, 0.9], [0.1, 0.2, 0.5], far=0.0),
        seconds=[0.010, 0.020, 0.045],
        system={"extractor": "color_texture", "recipe": "square, resize=96", "index": "Flat", "nothing": None},
    )


@pytest.fixture(scope="session")
def build_evaluation():
    return make_evaluation


@pytest.fixture
def without(evaluation):
    """The evaluation with some of its parts replaced."""
    return lambda **changes: dataclasses.replace(evaluation, **changes)
