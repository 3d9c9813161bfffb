"""What a view costs at each level, single-threaded, against its limit: the plain resize that every view contains.

    python benchmarks/augmentation.py [--out FILE.json]

Sources are synthetic photos of 256×256, views 128×128. Levels take turns image by image with the same
seeds. Because each view draws its own steps, what counts is the mean, in processor time, so that other work on the
machine does not count. ``reseeding`` compares what a seed for one view costs
in albumentations' own way, which starts every step from that same seed, and in the way used here, which shares one
generator among all steps.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from _provenance import provenance
from _timing import turn_by_turn

from util.datasets import synthesize
from util.images import read_image
from util.preprocess.framing import resize_area
from util.training.augmentation import LEVELS, AugmentationConfig, Augmenter
from util.training.augmentation.photography import photograph

RESULTS = Path(__file__).parent / "results"
SIZE = (128, 128)
REPEATS = 600
LIMIT_MS = 2.5


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS / "augmentation.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    views = measured_views(photos())
    result = {
        "source": "256×256 synthetic photos",
        "view": "×".join(map(str, SIZE)),
        "views": views,
        "standard_within_limit": views["standard rgb"]["mean_processor_ms"] <= LIMIT_MS,
        "limit_ms": LIMIT_MS,
        "reseeding": reseeding(),
        "seeds": f"0 to {REPEATS - 1}, the same for all levels",
        "provenance": provenance("albumentations", "opencv-python-headless", "numpy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=2, ensure_ascii=False))


def photos() -> list[np.ndarray]:
    """Some synthetic photos."""
    with tempfile.TemporaryDirectory() as folder:
        records = synthesize(folder, families=3, items_per_family=3, photos_per_item=2, seed=0)
        return [read_image(record.path) for record in records]


def measured_views(images: list[np.ndarray]) -> dict[str, dict[str, object]]:
    """Times of the plain resize, of each level on RGB, and of cut-outs on new backgrounds."""
    disc = np.where(np.hypot(*np.mgrid[-128:128, -128:128]) < 100, 255, 0).astype(np.uint8)
    cut_outs = [np.dstack([image, disc]) for image in images]
    taken: dict[str, list[float]] = {}

    def noted(name: str, call: Callable[[int], object]) -> Callable[[int], None]:
        def run(number: int) -> None:
            started = time.thread_time()
            call(number)
            taken.setdefault(name, []).append((time.thread_time() - started) * 1000)

        return run

    def each(pictures: list[np.ndarray], level: str) -> Callable[[int], object]:
        augment = Augmenter(AugmentationConfig.at_level(level), size=SIZE)
        return lambda number: augment(pictures[number % len(pictures)], number)

    calls = {"resize": lambda n: resize_area(images[n % len(images)], height=SIZE[0], width=SIZE[1])}
    calls |= {f"{level} rgb": each(images, level) for level in LEVELS}
    calls |= {f"{level} cut-out": each(cut_outs, level) for level in ("standard", "strong")}
    timed = turn_by_turn({name: noted(name, call) for name, call in calls.items()}, repeats=REPEATS, warm_up=20)
    plain = timed["resize"]["median_ms"]
    return {
        name: {
            **times,
            "mean_processor_ms": round(statistics.fmean(taken[name][-REPEATS:]), 3),
            "times_the_resize": round(times["median_ms"] / plain, 1),
        }
        for name, times in timed.items()
    }


def reseeding() -> dict[str, object]:
    """Albumentations' way to give a pipeline one seed, and ours."""
    steps = photograph(AugmentationConfig(), shorter_side=SIZE[0])

    def share_generators(seed: int) -> None:
        steps.set_random_state(np.random.default_rng(seed), random.Random(seed))

    return turn_by_turn({"set_random_seed": steps.set_random_seed, "shared": share_generators}, repeats=REPEATS)


if __name__ == "__main__":
    main()
