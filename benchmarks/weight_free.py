"""Extractors without weights: what each part of them is worth on real photos and on drawn near-identical items.

    python benchmarks/weight_free.py [--grocery FOLDER] [--out FILE.json]

Real photos: Grocery, ``train`` indexed; ``val`` is what was chosen on, ``test`` what is reported. Recall@1 over all
items, and over packages alone, where the near-identical ones are. Drawn items: five bottles, cartons or boxes a family
that differ in small things only; every photo is looked up among all others. Times are of one thread, medians over
photos of the test list, preprocessing included, decoding not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from _provenance import provenance

from util.datasets import read_dataset, synthesize
from util.image_extract import color_texture as blocks
from util.image_extract import load
from util.image_extract.base import Extractor
from util.images import read_image
from util.records import ImageRecord, unit_rows

RESULTS = Path(__file__).parent / "results"
GROCERY = Path("../shared/data/grocery")
SEEDS = (0, 1)
TIMED = 200
Describe = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=GROCERY)
    parser.add_argument("--out", type=Path, default=RESULTS / "weight_free.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)

    parts = {part: read_dataset(arguments.grocery / f"{part}.txt") for part in ("train", "val", "test")}
    photos = {part: [read_image(record.path) for record in records] for part, records in parts.items()}
    drawn = [draw(seed) for seed in SEEDS]
    rows = []
    for name, describe in candidates().items():
        vectors = {part: embed(describe, images) for part, images in photos.items()}
        row = {"name": name, "dimension": vectors["val"].shape[1]}
        for part in ("val", "test"):
            row[part], row[f"{part}_packages"] = found(vectors["train"], parts["train"], vectors[part], parts[part])
        row["drawn_items"] = round(statistics.mean(leave_one_out(embed(describe, x), y) for x, y in drawn), 4)
        row["ms_an_image"] = milliseconds(describe, photos["test"][:TIMED])
        rows.append(row)
        print(json.dumps(row), flush=True)
    result = {
        "recall_at_1": rows,
        "images": {part: len(records) for part, records in parts.items()},
        "seeds": SEEDS,
        "provenance": provenance("numpy", "opencv-python-headless", "scipy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def candidates() -> dict[str, Describe]:
    """What is compared, each from a decoded RGB photo to a vector: usual baselines, then step by step to ours."""
    flat = np.ones((blocks.SIDE, blocks.SIDE))
    centred = blocks.COLOUR_WINDOW
    return {
        "RGB 8×8×8 histogram": lambda photo: rgb_histogram(small(photo)),
        "RGB 8×8×8 histogram, square root": lambda photo: np.sqrt(rgb_histogram(small(photo))),
        "HSV 16×4×4 histograms in 3×3 cells, square root": lambda photo: np.sqrt(hsv_in_cells(small(photo))),
        "gradient orientations in 6×6 cells": lambda photo: blocks.edge_histogram(grey(small(photo))) ** 0.5,
        "local binary patterns": lambda photo: blocks.pattern_histogram(grey(small(photo)), 1) ** 0.5,
        "L*a*b* 6×12×12 histogram, square root": lambda photo: lab_histogram(small(photo), flat) ** 0.5,
        "… weighted towards the centre": lambda photo: lab_histogram(small(photo), centred) ** 0.5,
        "… power 0.3": lambda photo: lab_histogram(small(photo), centred) ** 0.3,
        "… half of the light's colour taken out": lambda photo: lab_histogram(balanced(photo), centred) ** 0.3,
        "… pixels shared between bins": lambda photo: blocks.colour_histogram(balanced(photo)) ** 0.3,
        "… and patterns and edges: color_texture": describe_by(load("color_texture")),
        "orb": describe_by(load("orb")),
        "phash": describe_by(load("phash")),
    }


def describe_by(extractor: Extractor) -> Describe:
    """One photo at a time through an extractor."""
    return lambda photo: extractor.extract([photo])[0]


def small(photo: np.ndarray) -> np.ndarray:
    """The photo at the size of ``color_texture``."""
    return cv2.resize(photo, (blocks.SIDE, blocks.SIDE), interpolation=cv2.INTER_AREA)


def balanced(photo: np.ndarray) -> np.ndarray:
    """The small photo in balanced light."""
    return blocks.balance_light(small(photo))


def grey(photo: np.ndarray) -> np.ndarray:
    """Lightness of a balanced photo."""
    return cv2.cvtColor(blocks.balance_light(photo), cv2.COLOR_RGB2GRAY)


def rgb_histogram(photo: np.ndarray) -> np.ndarray:
    """Counts in the 512 cells of the RGB cube."""
    return np.bincount(photo.reshape(-1, 3) // 32 @ np.array([64, 8, 1]), minlength=512).astype(float)


def hsv_in_cells(photo: np.ndarray) -> np.ndarray:
    """A spatial grid of 3×3 joint histograms of hue, saturation and value."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(photo, cv2.COLOR_RGB2HSV_FULL).astype(int), 2, 0)
    third = np.arange(len(photo)) * 3 // len(photo)
    cell = third[:, None] * 3 + third[None, :]
    bins = cell * 256 + (hue // 16) * 16 + (saturation // 64) * 4 + value // 64
    return np.bincount(bins.ravel(), minlength=9 * 256).astype(float)


def lab_histogram(photo: np.ndarray, window: np.ndarray) -> np.ndarray:
    """A joint histogram of the bins of ``color_texture``, each pixel in one of them."""
    lightness, red_green, blue_yellow = np.moveaxis(cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(float), 2, 0)
    stretched = [(one - 128) * blocks.OPPONENT_GAIN + 128 for one in (red_green, blue_yellow)]
    opponents = [np.clip(one // (256 / 12), 0, 11) for one in stretched]
    bins = ((lightness // (256 / 6)) * 12 + opponents[0]) * 12 + opponents[1]
    return np.bincount(bins.astype(int).ravel(), window.ravel(), minlength=blocks.COLOURS)


def embed(describe: Describe, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Unit rows, one a photo."""
    return unit_rows(np.stack([describe(photo) for photo in photos]).astype(np.float32))


def found(
    gallery: np.ndarray, known: Sequence[ImageRecord], queries: np.ndarray, asked: Sequence[ImageRecord]
) -> tuple[float, float]:
    """Recall@1 over all queries, and over those that are packages."""
    items = np.array([record.item for record in known])
    right = items[(queries @ gallery.T).argmax(axis=1)] == np.array([record.item for record in asked])
    packages = np.array(["/Packages/" in str(record.path) for record in asked])
    return round(float(right.mean()), 4), round(float(right[packages].mean()), 4)


def leave_one_out(vectors: np.ndarray, items: np.ndarray) -> float:
    """Recall@1 of every photo among all others."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return float((items[likeness.argmax(axis=1)] == items).mean())


def draw(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Photos of six families of five near-identical items, eight of each, and their items."""
    with tempfile.TemporaryDirectory() as folder:
        records = synthesize(folder, families=6, items_per_family=5, photos_per_item=8, seed=seed)
        return [read_image(record.path) for record in records], np.array([record.item for record in records])


def milliseconds(describe: Describe, photos: Sequence[np.ndarray]) -> float:
    """Median time of one photo."""
    times = []
    for photo in photos:
        start = time.perf_counter()
        describe(photo)
        times.append(time.perf_counter() - start)
    return round(statistics.median(times) * 1000, 2)


if __name__ == "__main__":
    main()
