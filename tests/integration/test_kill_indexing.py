"""``kill -9`` while indexing: nothing committed is lost, nothing stands twice, and the run completes."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from util.datasets import read_dataset
from util.image_extract import load
from util.images import read_image
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.vector_store import open_store

PHOTOS = 240
KILLS = 20

INDEX = """
import sys
from pathlib import Path
from util.datasets import read_dataset
from util.image_extract import load
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.vector_store import open_store

def confirm(done, total):
    print(done, flush=True)

with open_store(sys.argv[2]) as store:
    extraction = Extraction(load("color_texture"), batch_size=4)
    index_images(read_dataset(Path(sys.argv[1])), extraction=extraction, store=store, space="s", progress=confirm)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(PHOTOS):
        path = folder / f"item{i % 12}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(path)
    return folder


def contents(url: str) -> dict[str, np.ndarray]:
    with open_store(url) as store:
        if not store.list_spaces():
            return {}
        rows = [pair for batch in store.iterate("s") for pair in zip(batch.ids, batch.vectors, strict=True)]
        assert len(rows) == len(dict(rows)) == store.count("s"), "an image stands twice"
    return dict(rows)


@pytest.mark.slow
def test_killed_twenty_times(photos, tmp_path):
    url = f"embedded:{tmp_path / 'store.db'}"
    rng = random.Random(7)
    kept: dict[str, np.ndarray] = {}
    killed = 0
    for _ in range(KILLS):
        # Some moments are a line of progress, some fall anywhere between two of them or into the start-up.
        confirmed, target = 0, len(kept) + rng.randrange(0, 24)
        process = subprocess.Popen(
            [sys.executable, "-c", INDEX, str(photos), url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for line in process.stdout:
            confirmed = int(line)
            if confirmed >= target:
                break
        try:
            process.wait(timeout=rng.random() * 0.01)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        now = contents(url)
        assert set(kept) <= set(now), "a committed image is gone"
        assert len(now) >= confirmed, "an image was reported as done before it was committed"
        kept = now
    assert killed >= KILLS // 2, "the photos were indexed before the kills could meet the work"

    with open_store(url) as store:
        extractor = load("color_texture")
        report = index_images(read_dataset(photos), extraction=Extraction(extractor), store=store, space="s")
    assert report.failed == []
    assert report.skipped + report.indexed == PHOTOS
    final = contents(url)
    assert len(final) == PHOTOS
    for id_ in rng.sample(sorted(final), 24):
        np.testing.assert_allclose(final[id_], extractor.extract([read_image(photos / id_)])[0], atol=1e-5)
