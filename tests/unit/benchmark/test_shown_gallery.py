"""What is read of a gallery, and which of its images are copies of a query."""

import numpy as np

from util.benchmark.shown_gallery import ShownGallery
from util.records import SpaceInfo, unit_rows


def test_every_image_with_its_item_file_and_copies(store):
    store.create_space(SpaceInfo(name="s", extractor="e", dimension=2, fingerprint="f", recipe="square"))
    metadata = [
        {"item": "milk", "path": "a.jpg", "sha256": "1"},
        {"item": "milk", "path": "b.jpg", "sha256": "1"},
        {"path": "c.jpg", "sha256": "2"},
        {},
    ]
    rows = unit_rows(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32))
    store.upsert("s", ["a", "b", "c", "d"], rows, metadata, fingerprint="f")
    shown = ShownGallery.of(store, "s")
    assert shown.items == {"a": "milk", "b": "milk", "c": None, "d": None}
    assert shown.paths == {"a": "a.jpg", "b": "b.jpg", "c": "c.jpg", "d": "d"}
    assert shown.copies(["1", "2", "3", "1"]) == [{"a", "b"}, {"c"}, set(), {"a", "b"}]
