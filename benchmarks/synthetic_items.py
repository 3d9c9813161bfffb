"""Synthetic photos: how fast they are drawn, and what colour alone can tell of them.

    python benchmarks/synthetic_items.py [--out FILE.json]

One process, one thread. Speed is that of the whole job (prints, photos, catalogue views, files), in rounds; processor
time is given beside wall time, because a shared machine gives a process less than it is. Colour: each photo is looked
up among the others of its family by its 8×8×8 RGB histogram (Bhattacharyya coefficient); recall@1 beside the chance of
a blind guess.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from _provenance import provenance

from util.datasets import synthesize
from util.images import read_image
from util.records import ImageRecord

RESULTS = Path(__file__).parent / "results"
ROUNDS = 7
SEEDS = (0, 1, 2)


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS / "synthetic_items.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    seconds_a_photo(photos_per_item=1)  # fonts, tables, files of the interpreter
    wall, processor = np.array([seconds_a_photo(photos_per_item=8) for _ in range(ROUNDS)]).T
    result = {
        "photos_per_second": spread(1 / wall),
        "photos_per_processor_second": spread(1 / processor),
        "size": 256,
        "photos_per_item": 8,
        "colour_histogram": [family_recall(seed) for seed in SEEDS],
        "provenance": provenance("numpy", "opencv-python-headless", "pillow", "scipy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def seconds_a_photo(photos_per_item: int) -> tuple[float, float]:
    """Wall and processor time of one photo of a set with bottles, cartons and boxes."""
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.perf_counter(), time.process_time()
        photos = len(synthesize(folder, families=6, items_per_family=2, photos_per_item=photos_per_item))
        return (time.perf_counter() - wall) / photos, (time.process_time() - processor) / photos


def family_recall(seed: int) -> dict[str, float]:
    """Recall@1 by colour histogram within families, and the chance of it."""
    with tempfile.TemporaryDirectory() as folder:
        records = synthesize(folder, families=6, items_per_family=5, photos_per_item=8, seed=seed)
        histograms = np.stack([histogram(record) for record in records])
    likeness = np.sqrt(histograms) @ np.sqrt(histograms).T
    families = np.array([record.metadata["family"] for record in records])
    items = np.array([record.item for record in records])
    likeness[families[:, None] != families] = -1
    np.fill_diagonal(likeness, -1)
    return {"seed": seed, "recall_at_1": round(float((items[likeness.argmax(1)] == items).mean()), 3), "chance": 0.179}


def histogram(record: ImageRecord) -> np.ndarray:
    """Shares of the 512 cells of the RGB cube, (512,)."""
    cells = read_image(record.path).reshape(-1, 3) // 32 @ np.array([64, 8, 1])
    return np.bincount(cells, minlength=512) / cells.size


def spread(values: np.ndarray) -> dict[str, float]:
    """Median and interquartile range."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(median), 2), "iqr": round(float(high - low), 2)}


if __name__ == "__main__":
    main()
