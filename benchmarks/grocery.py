"""Every extractor whose weights are here on the Grocery set: index ``train``, ask ``test``.

    python benchmarks/grocery.py [--grocery FOLDER] [--extractors A,B] [--out FILE.json]

Prints the table that stands in the README. The part of the set at hand has 81 items, many nearly identical; every item
asked for is in the gallery, so the known/new figures come from asking each photo once with its item left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from _provenance import provenance

from util.benchmark.evaluating import evaluate_system
from util.datasets import read_dataset
from util.image_extract import describe, load
from util.search.extraction import Extraction
from util.vector_store import open_store

RESULTS = Path(__file__).parent / "results"
READY = ("none needed", "present")


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=Path("../shared/data/grocery"))
    parser.add_argument("--extractors", help="names, separated by commas; all that are ready without it")
    parser.add_argument("--out", type=Path, default=RESULTS / "grocery.json")
    arguments = parser.parse_args()
    ready = [info.name for info in describe(Path("models")) if info.weights in READY and not info.error]
    names = arguments.extractors.split(",") if arguments.extractors else ready

    systems = {name: evaluated(name, arguments.grocery) for name in names}
    result = {"systems": systems, "provenance": provenance("torch", "numpy", "opencv-python-headless", "faiss-cpu")}
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print_table(systems)


def evaluated(name: str, grocery: Path) -> dict[str, object]:
    """The numbers of one extractor."""
    extractor = load(name)
    with tempfile.TemporaryDirectory() as folder, open_store(f"embedded:{folder}/store.db") as store:
        made = evaluate_system(
            read_dataset(grocery / "test.txt"),
            gallery=read_dataset(grocery / "train.txt"),
            extraction=Extraction(extractor),
            store=store,
            space=name,
        ).to_json()
    kept = ("n", "top1", "top1_ci95", "recall", "map", "map_at_r", "open_set", "latency_ms", "decisions")
    return {"dimension": extractor.dimension, "recipe": str(extractor.recipe)} | {key: made[key] for key in kept}


def print_table(systems: dict[str, dict]) -> None:
    """The table in Markdown."""
    print("| extractor | numbers | top-1 (95 % interval) | recall@5 | recall@10 | mAP | one answer, p50 / p95 |")
    print("|---|---|---|---|---|---|---|")
    for name, one in sorted(systems.items(), key=lambda pair: -pair[1]["top1"]):
        low, high = one["top1_ci95"]
        recall, latency = one["recall"], one["latency_ms"]
        print(
            f"| `{name}` | {one['dimension']} | {one['top1']:.3f} ({low:.3f}–{high:.3f}) | {recall['5']:.3f} "
            f"| {recall['10']:.3f} | {one['map']:.3f} | {latency['p50']:.0f} / {latency['p95']:.0f} ms |"
        )


if __name__ == "__main__":
    main()
