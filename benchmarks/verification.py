"""A Siamese verifier: does it tell nearly identical items apart that it has never seen, and does that help decisions?

    python benchmarks/verification.py [--epochs 10] [--families 64] [--size 128] [--out FILE.json]

A SiameseAlexNet is trained from random weights on synthetic families and measured on other families.

* Pairs: photos of one item against photos of two, the two drawn from different families (random) or from one family
  (hard, where items differ in one word, mark or shade). Beside the pair head stand the cosine of the very same
  embeddings and that of a weight-free extractor. Intervals are bootstrapped over families.
* Decisions: a gallery, and queries of its items, of their siblings that are not in it, and of other families;
  ``identify`` with the weight-free extractor, alone and with the verifier.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import torch
from _provenance import provenance
from numpy.typing import NDArray

from util.datasets import synthesize
from util.evaluation.pair_verification import measure_pairs
from util.image_extract import load
from util.images import read_image
from util.records import ImageRecord
from util.search.calibrating import calibrate_space
from util.search.extraction import Extraction
from util.search.identifying import identify
from util.search.indexing import index_images
from util.training.configuration import configure
from util.training.running import Surroundings, train
from util.vector_store import open_store
from util.verification.siamese import SiameseVerifier

RESULTS = Path(__file__).parent / "results"
TEST = {"items_per_family": 4, "photos_per_item": 8, "size": 224, "severity": 0.3, "seed": 2}
STRANGERS = 2  # test families of which the gallery shows nothing
SEARCH_EXTRACTOR = "color_texture"
FALSE_ACCEPT_RATES = (0.01, 0.1)
VERIFY_THRESHOLDS = (0.5, 0.9)
ASKED = 3  # photos an item that are queries


def main() -> None:
    """Trains, measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--families", type=int, default=64, help="to train on, of 4 items with 8 photos each")
    parser.add_argument("--test-families", type=int, default=12, help="to measure on")
    parser.add_argument("--size", type=int, default=128, help="of the network's input, pixels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=RESULTS / "verification.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    test = TEST | {"families": arguments.test_families}
    with tempfile.TemporaryDirectory() as folder:
        training = train_verifier(
            Path(folder), families=arguments.families, epochs=arguments.epochs, size=arguments.size
        )
        verifier = SiameseVerifier(name="verifier", models_dir=Path(folder) / "models", device="cpu")
        records = synthesize(Path(folder) / "test", **test)
        result = {
            "training": training,
            "test": test,
            "pairs": measure_all_pairs(records, verifier),
            "decisions": measure_decisions(records, verifier, Path(folder)),
            "provenance": provenance("torch", "torchvision", "lightning", "numpy"),
        }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(without_curves(result), indent=2))


def train_verifier(folder: Path, *, families: int, epochs: int, size: int) -> dict[str, object]:
    """Trains ``models/verifier`` on families of its own; whole items are kept apart to choose the best epoch by."""
    data = TEST | {"families": families, "seed": 1}
    synthesize(folder / "train", **data)
    settings = {
        "network": "siamese_alexnet", "name": "verifier", "train": str(folder / "train"), "epochs": epochs,
        "recipe": f"square, resize={size}", "split": "item", "augmentation": "light", "seed": 0, "accelerator": "cpu",
        "workers": 1,
    }  # fmt: skip
    started = time.perf_counter()
    around = Surroundings(
        runs_dir=folder / "runs",
        models_dir=folder / "models",
        report=lambda epoch: print(epoch.epoch, {name: round(value, 3) for name, value in epoch.metrics.items()}),
    )
    (folder / "models").mkdir()
    result = train(configure(settings), surroundings=around)
    seconds = round(time.perf_counter() - started, 1)
    return {"data": data, "settings": {**settings, "train": "train"}, "seconds": seconds, "best": dict(result.best)}


def measure_all_pairs(records: Sequence[ImageRecord], verifier: SiameseVerifier) -> dict[str, object]:
    """Both kinds of pairs, by the pair head and by cosines."""
    images = [read_image(record.path) for record in records]
    embeddings = verifier.extractor.extract(images)
    plain = load(SEARCH_EXTRACTOR).extract(images)
    scores = {
        "pair_head": verifier.compare(embeddings, embeddings),
        "cosine_of_its_embeddings": embeddings @ embeddings.T,
        f"cosine_of_{SEARCH_EXTRACTOR}": plain @ plain.T,
    }
    items = np.array([record.item for record in records])
    families = np.array([record.metadata["family"] for record in records])
    return {
        kind: {
            name: measure_pairs(
                table[first, second], items[first] == items[second], groups=families[first].tolist()
            ).to_json()
            for name, table in scores.items()
        }
        for kind in ("random", "hard")
        for first, second in [pairs(items, families, hard=kind == "hard")]
    }


def pairs(items: NDArray[np.str_], families: NDArray, *, hard: bool, seed: int = 0) -> tuple[NDArray, NDArray]:
    """All pairs of one item, and at most as many of two, drawn from one family (hard) or from different ones."""
    first, second = np.triu_indices(len(items), 1)
    same = np.flatnonzero(items[first] == items[second])
    in_family = families[first] == families[second]
    others = np.flatnonzero(in_family & (items[first] != items[second]) if hard else ~in_family)
    drawn = np.random.default_rng(seed).permutation(others)[: len(same)]
    chosen = np.concatenate([same, drawn])
    return first[chosen], second[chosen]


def measure_decisions(
    records: Sequence[ImageRecord], verifier: SiameseVerifier, folder: Path
) -> list[dict[str, object]]:
    """What becomes of known, sibling and stranger queries, without and with the verifier."""
    gallery, queries = gallery_and_queries(records)
    extraction = Extraction(load(SEARCH_EXTRACTOR))
    rows: list[dict[str, object]] = []
    with open_store(f"embedded:{folder / 'store.db'}") as store:
        index_images(gallery, extraction=extraction, store=store)
        for far in FALSE_ACCEPT_RATES:
            calibrate_space(store, SEARCH_EXTRACTOR, false_accept_rate=far)
            for threshold in (None, *VERIFY_THRESHOLDS):
                verifier.threshold = threshold if threshold is not None else verifier.default_threshold
                started = time.perf_counter()
                found = identify(
                    [record.path for record, _ in queries],
                    extraction=extraction,
                    store=store,
                    space=SEARCH_EXTRACTOR,
                    verifier=verifier if threshold is not None else None,
                )
                seconds = time.perf_counter() - started
                counts = Counter(
                    (kind, outcome(kind, record, decision.decision, decision.item))
                    for (record, kind), decision in zip(queries, found.decisions, strict=True)
                )
                rows.append(
                    {"calibrated_far": far, "verify_threshold": threshold, "outcomes": nested(counts)}
                    | {"milliseconds_a_query": round(1000 * seconds / len(queries), 1)}
                )
    return rows


def gallery_and_queries(
    records: Sequence[ImageRecord],
) -> tuple[list[ImageRecord], list[tuple[ImageRecord, str]]]:
    """Of most families the first photos of all items but one are the gallery; of all items the last are asked."""
    families = sorted({str(record.metadata["family"]) for record in records})
    strange = set(families[-STRANGERS:])
    last_items = {max(r.item or "" for r in records if r.metadata["family"] == family) for family in families}
    gallery: list[ImageRecord] = []
    queries: list[tuple[ImageRecord, str]] = []
    seen: Counter[str | None] = Counter()
    for record in records:
        seen[record.item] += 1
        shown = TEST["photos_per_item"] - seen[record.item] >= ASKED
        if record.metadata["family"] not in strange and record.item not in last_items:
            if shown:
                gallery.append(record)
            else:
                queries.append((record, "known"))
        elif not shown:
            queries.append((record, "stranger" if record.metadata["family"] in strange else "sibling"))
    return gallery, queries


def outcome(kind: str, record: ImageRecord, decision: str, item: str | None) -> str:
    """``known`` is right or wrong; ``unsure`` and ``new`` are what they are."""
    if decision != "known":
        return decision
    return "right" if kind == "known" and item == record.item else "wrong"


def nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Counts by kind of query, then by outcome."""
    kinds = sorted({kind for kind, _ in counts})
    return {kind: {name: counts[kind, name] for name in ("right", "wrong", "unsure", "new")} for kind in kinds}


def without_curves(value: object) -> object:
    """A result as it is printed: the ROC curves are for the file."""
    if isinstance(value, dict):
        return {key: without_curves(part) for key, part in value.items() if key != "roc"}
    return [without_curves(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
