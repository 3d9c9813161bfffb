"""Indexing against its limit: the raw forward pass of the same network, in one run.

    python benchmarks/indexing.py [--images FOLDER_OR_LIST] [--extractor alexnet] [--out FILE.json]

The raw pass is ``Extractor.embed`` on batches that are decoded and preprocessed already; indexing reads the files,
hashes, decodes, preprocesses, embeds and commits. Random weights compute as long as trained ones. Memory is the
process's resident set, sampled after every chunk: it must not grow with the number of images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from _provenance import provenance

from util.datasets import read_dataset
from util.image_extract import load
from util.image_extract.base import Extractor
from util.images import read_image
from util.records import ImageRecord
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.vector_store import open_store

RESULTS = Path(__file__).parent / "results"
GROCERY = Path("../shared/data/grocery/train.txt")
SAMPLE = 512  # images of one round of the raw pass
ROUNDS = 3


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=GROCERY, help="at least 1,000 photos")
    parser.add_argument("--extractor", default="alexnet")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "indexing.json")
    arguments = parser.parse_args()

    records = read_dataset(arguments.images)
    extractor = load(arguments.extractor, weights="random", device="cpu")
    extraction = Extraction(extractor, batch_size=arguments.batch_size, workers=arguments.workers)
    prepared = [extractor.prepare(read_image(record.path)) for record in records[:SAMPLE]]
    raw_pass(extractor, prepared, arguments.batch_size)  # warm-up

    # Raw passes before, between and after the runs: a machine that slows down slows both.
    raw, indexed, memory = [raw_pass(extractor, prepared, arguments.batch_size)], [], []
    for _ in range(ROUNDS):
        rate, memory = index_run(records, extraction)
        indexed.append(rate)
        raw.append(raw_pass(extractor, prepared, arguments.batch_size))

    # Each run is held against the raw passes just before and just after it.
    ratios = [2 * rate / (before + after) for rate, before, after in zip(indexed, raw, raw[1:], strict=False)]
    quarter = len(memory) // 4
    result = {
        "images": len(records),
        "extractor": arguments.extractor,
        "batch_size": arguments.batch_size,
        "workers": arguments.workers,
        "raw_images_per_second": round(statistics.median(raw), 1),
        "indexing_images_per_second": round(statistics.median(indexed), 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "raw_rounds": [round(rate, 1) for rate in raw],
        "indexing_rounds": [round(rate, 1) for rate in indexed],
        "resident_mib_after_first_quarter": round(max(memory[: quarter + 1]) / 2**20, 1),
        "resident_mib_at_the_end": round(max(memory[-quarter - 1 :]) / 2**20, 1),
        "provenance": provenance("torch", "torchvision", "numpy", "pillow", "faiss-cpu"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def raw_pass(extractor: Extractor, prepared: list[np.ndarray], batch_size: int) -> float:
    """Images a second through the network alone."""
    started = time.perf_counter()
    for start in range(0, len(prepared), batch_size):
        extractor.embed(prepared[start : start + batch_size])
    return len(prepared) / (time.perf_counter() - started)


def index_run(records: list[ImageRecord], extraction: Extraction) -> tuple[float, list[int]]:
    """Images a second from files to a committed space, and the resident bytes on the way."""
    process = psutil.Process()
    memory: list[int] = []

    def sample(done: int, total: int | None) -> None:
        memory.append(process.memory_info().rss)

    with tempfile.TemporaryDirectory() as directory, open_store(f"embedded:{directory}/store.db") as store:
        report = index_images(records, extraction=extraction, store=store, progress=sample)
        if report.failed:
            raise SystemExit(f"{len(report.failed)} images could not be read, the first: {report.failed[0]}")
    return report.images_per_second, memory


if __name__ == "__main__":
    main()
