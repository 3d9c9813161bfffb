"""What AlexNet gains from nine channels, corrected exposure and removed backgrounds, on items no network has seen.

    python benchmarks/ablation.py [--families 64] [--epochs 30] [--seeds 0,1,2] [--work DIR] [--out FILE.json]

Synthetic families of nearly identical items: some to learn from, some to choose the best epoch by, others to measure
on. Every variant is trained from random weights with the settings of the network's preset, once for each seed, on the
same photos and the same few augmented views of them. Measured is recall@1: each photo of the unseen families is asked
against all others of them. Beside the trained networks stand the same networks untrained, and the extractors without
weights.

Intervals are bootstrapped over families and seeds; differences to three channels are paired by photo. With ``--work``
the runs are kept, and a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import torch
from _embeddings import embed
from _provenance import provenance
from numpy.typing import NDArray

from util.datasets import read_dataset, synthesize, write_csv
from util.image_extract import load
from util.image_extract.base import Extractor
from util.preprocess.cache import PreprocessCache
from util.records import ImageRecord
from util.training.configuration import configure
from util.training.running import Surroundings, train

RESULTS = Path(__file__).parent / "results"
PHOTOS = {"items_per_family": 4, "photos_per_item": 7, "size": 224, "severity": 0.3}
LEARN_SEED, TEST_SEED = 1, 2
CHOOSE_SHARE = 0.1
"""Of the families, how many choose the best epoch."""
BASE = "three channels"
VARIANTS = {
    BASE: ("alexnet_original", "square, resize={size}"),
    "nine channels": ("alphaalexnet", "square, resize={size}, channels=exposure"),
    "nine channels, as in the prior code": ("alphaalexnet", "square, resize={size}, channels=transposed"),
    "three channels, exposure corrected": ("alexnet_original", "square, resize={size}, exposure=dual"),
    "three channels, background removed": ("alexnet_original", "background=grabcut, crop=10, square, resize={size}"),
}
WITHOUT_WEIGHTS = ("color_texture", "orb")
RESAMPLES = 4000


def main() -> None:
    """Trains what is not trained yet, measures, and writes the result after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=64, help="to learn from and to choose by")
    parser.add_argument("--test-families", type=int, default=24, help="to measure on")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--views", type=int, default=4, help="augmented views of each photo")
    parser.add_argument("--size", type=int, default=128, help="of the networks' input, pixels")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--work", type=Path, help="folder that keeps photos, views and runs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=RESULTS / "ablation.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.work is not None:
        measure(arguments, arguments.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """All variants and seeds; what is done is in the file at any time."""
    learn, choose, test = lists_of_photos(folder, arguments)
    settings = {
        "train": str(learn), "validation": str(choose), "item_from": "csv", "epochs": arguments.epochs,
        "augmentation": "light", "views": arguments.views, "validate_every": 3, "workers": 1, "accelerator": "cpu",
    }  # fmt: skip
    items = np.array([str(record.item) for record in test])
    hits: dict[str, list[NDArray[np.bool_]]] = {}
    seconds: dict[str, list[float]] = {}
    for name in WITHOUT_WEIGHTS:
        hits[name] = [first_hits(load(name), test, items)]
    for seed in map(int, arguments.seeds.split(",")):
        for variant, (network, recipe) in VARIANTS.items():
            name = f"{variant.replace(', ', '_').replace(' ', '_')}_{seed}"
            given = {"network": network, "recipe": recipe.format(size=arguments.size), "name": name, "seed": seed}
            started = time.perf_counter()
            train(configure(given | settings), surroundings=surroundings(folder, name))
            seconds.setdefault(variant, []).append(round(time.perf_counter() - started, 1))
            for weights, label in (("own", variant), ("random", f"{variant}, untrained")):
                extractor = load(
                    name,
                    models_dir=folder / "models",
                    **({} if weights == "own" else {"weights": "random", "seed": seed}),
                )
                hits.setdefault(label, []).append(first_hits(extractor, test, items))
            write(arguments, hits, seconds, test)


def lists_of_photos(folder: Path, arguments: argparse.Namespace) -> tuple[Path, Path, list[ImageRecord]]:
    """Renders the photos that are not there yet; lists to learn from and to choose by, and the photos to measure on."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    photos = rendered(folder / "photos", families=arguments.families, seed=LEARN_SEED)
    families = list(dict.fromkeys(str(photo.metadata["family"]) for photo in photos))
    choosing = set(families[-max(1, round(CHOOSE_SHARE * len(families))) :])
    lists = folder / "learn.csv", folder / "choose.csv"
    for path, chosen in zip(lists, (False, True), strict=True):
        write_csv([photo for photo in photos if (photo.metadata["family"] in choosing) is chosen], path)
    return *lists, rendered(folder / "unseen", families=arguments.test_families, seed=TEST_SEED)


def rendered(folder: Path, *, families: int, seed: int) -> list[ImageRecord]:
    """Photos of a folder, rendered where they are not there yet."""
    if not (folder / "meta.csv").exists():
        synthesize(folder, families=families, seed=seed, **PHOTOS)
    return read_dataset(folder / "meta.csv")


def surroundings(folder: Path, name: str) -> Surroundings:
    """Where a run works; all share the views."""
    return Surroundings(
        runs_dir=folder / "runs",
        models_dir=folder / "models",
        cache=PreprocessCache(folder / "views"),
        report=lambda now: print(
            name, now.epoch, {key: round(value, 3) for key, value in now.metrics.items()}, flush=True
        ),
    )


def first_hits(extractor: Extractor, records: Sequence[ImageRecord], items: NDArray[np.str_]) -> NDArray[np.bool_]:
    """(N,) whether the nearest other photo shows the same item."""
    embeddings = embed(records, extractor)
    scores = embeddings @ embeddings.T
    np.fill_diagonal(scores, -2)
    return items[scores.argmax(axis=1)] == items


def write(
    arguments: argparse.Namespace,
    hits: dict[str, list[NDArray[np.bool_]]],
    seconds: dict[str, list[float]],
    test: Sequence[ImageRecord],
) -> None:
    """The result so far, as JSON and on the screen."""
    _, family_of = np.unique([str(record.metadata["family"]) for record in test], return_inverse=True)
    rows = {}
    for name, runs in hits.items():
        table = np.stack(runs).astype(float)  # (seeds, photos)
        rows[name] = {
            "recall@1": round(float(table.mean()), 4),
            "ci95": interval(table, family_of),
            "seeds": table.mean(axis=1).round(4).tolist(),
        }
        base = np.stack(hits[BASE]).astype(float) if BASE in hits else None
        if name in VARIANTS and name != BASE and base is not None and len(base) == len(table):
            rows[name]["gain"] = round(float((table - base).mean()), 4)
            rows[name]["gain_ci95"] = interval(table - base, family_of)
        if name in seconds:
            rows[name]["seconds_a_run"] = seconds[name]
    result = {
        "settings": {key: value for key, value in vars(arguments).items() if key not in ("work", "out")},
        "photos": PHOTOS,
        "variants": rows,
        "provenance": provenance("torch", "torchvision", "lightning", "numpy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, row in rows.items():
        print(
            f"{name:45} {row['recall@1']:.3f} {row['ci95']} {row.get('gain', '')} {row.get('gain_ci95', '')}",
            flush=True,
        )


def interval(table: NDArray[np.floating], family_of: NDArray[np.intp]) -> list[float]:
    """95 % interval of the mean of (seeds, photos), drawn over seeds and, of the photos, over whole families."""
    random = np.random.default_rng(0)
    families = family_of.max() + 1
    sums = np.stack([np.bincount(family_of, weights=row, minlength=families) for row in table])
    sizes = np.bincount(family_of, minlength=families)
    chosen = random.integers(families, size=(RESAMPLES, families))
    seeds = random.integers(len(table), size=(RESAMPLES, len(table)))
    means = np.array([sums[s][:, c].sum() / (len(s) * sizes[c].sum()) for s, c in zip(seeds, chosen, strict=True)])
    return [round(float(edge), 4) for edge in np.percentile(means, (2.5, 97.5))]


if __name__ == "__main__":
    main()
