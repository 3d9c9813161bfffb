"""k-reciprocal re-ranking and diffusion on many vectors: time and memory to learn the gallery, and a query's time.

    python benchmarks/reranking_scale.py [--images 100000] [--dimension 512] [--rerankers A B] [--out FILE.json]

Vectors are drawn around centres, about 30 images an item, so that neighbourhoods overlap as those of photos do. A
query's time is that of re-ranking 200 hits that an exact search found; the search itself is not in it. Both clocks are
told: processor time is what the work takes, elapsed time also what other processes took from the machine meanwhile.
Then the gallery changes: some images go, others come, and what it takes to follow is measured too.
Each re-ranker runs in a process of its own, so that peak memory is its own: vectors, everything learned, and NumPy.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _provenance import provenance
from _timing import summary

from util.records import SearchResult, unit_rows
from util.rerank import build_reranker
from util.rerank.base import Gallery, RankedQueries, ReRanker

RESULTS = Path(__file__).parent / "results"
PER_ITEM = 30
SPREAD = 1.2  # of an item's images around its centre, in lengths of the centre's own
DEPTH = 200
QUERIES = 30
CAME, WENT = 1000, 500
SEED = 0


def main() -> None:
    """Measures each re-ranker in a process of its own and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--rerankers", nargs="+", default=["k_reciprocal", "diffusion"])
    parser.add_argument("--out", type=Path, default=RESULTS / "reranking_scale.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one, arguments.images, arguments.dimension)))
        return
    result: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"runs": {}}
    for name in arguments.rerankers:
        command = [sys.executable, __file__, "--one", name, "--images", str(arguments.images)]
        done = subprocess.run(
            [*command, "--dimension", str(arguments.dimension)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
        run = json.loads(done.stdout)
        result["runs"][f"{name}, {arguments.images} x {arguments.dimension}"] = run
        result["seed"], result["provenance"] = SEED, provenance("numpy", "scipy", "numba")
        arguments.out.parent.mkdir(exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")
        print(name, json.dumps(run), flush=True)


def measured(text: str, images: int, dimension: int) -> dict[str, Any]:
    """What one re-ranker takes."""
    vectors, labels = draw(images + CAME + QUERIES, dimension, images // PER_ITEM)
    gallery = Gallery(tuple(f"g{number:07d}" for number in range(images)), vectors[:images])
    changed = changed_gallery(vectors[: images + CAME])
    vectors, labels = vectors[images + CAME :], labels[[*range(images), *range(images + CAME, len(labels))]]
    queries = [ranked(gallery, vector) for vector in vectors]
    reranker = build_reranker(text)
    reranker(tiny())  # compiles, and imports
    before = peak()
    fit = fitted(reranker, gallery)
    learned = peak()
    cpu, elapsed, precision = [], [], []
    for number, query in enumerate(queries):
        started, worked = time.perf_counter(), time.process_time()
        answer = reranker(query)
        cpu.append((time.process_time() - worked) * 1000)
        elapsed.append((time.perf_counter() - started) * 1000)
        precision.append(
            [share(query, labels, labels[images + number]), share(answer, labels, labels[images + number])]
        )
    follow = {"came": CAME, "went": WENT, **fitted(reranker, changed)}
    return {
        "reranker": reranker.describe(),
        "threads": {"blas": os.environ.get("OMP_NUM_THREADS", "all"), "processors": len(os.sched_getaffinity(0))},
        "fit": fit,
        "follow": follow,
        "peak_gib": round(learned, 2),
        "peak_with_following_gib": round(peak(), 2),
        "peak_before_fit_gib": round(before, 2),
        "query_cpu": summary(cpu[3:]),
        "query_elapsed": summary(elapsed[3:]),
        "precision_at_10": {"searched": round(mean(precision, 0), 3), "re-ranked": round(mean(precision, 1), 3)},
    }


def fitted(reranker: ReRanker, gallery: Gallery) -> dict[str, float]:
    """Seconds to learn a gallery, by both clocks."""
    _ = gallery.digest  # of the space, whatever the re-ranker
    started, worked = time.perf_counter(), time.process_time()
    reranker.fit(gallery)
    return {"cpu_s": round(time.process_time() - worked, 1), "elapsed_s": round(time.perf_counter() - started, 1)}


def changed_gallery(vectors: np.ndarray) -> Gallery:
    """All images that there ever are but some of the first ones, drawn."""
    went = np.random.default_rng(SEED).choice(len(vectors) - CAME, WENT, replace=False)
    stay = np.setdiff1d(np.arange(len(vectors)), went)
    return Gallery(tuple(f"g{row:07d}" for row in stay), vectors[stay])


def draw(images: int, dimension: int, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around the centres of their items, and the items."""
    rng = np.random.default_rng(SEED)
    centres = unit_rows(rng.standard_normal((items, dimension), dtype=np.float32))
    labels = rng.integers(0, items, images)
    vectors = rng.standard_normal((images, dimension), dtype=np.float32)
    vectors *= np.float32(SPREAD / dimension**0.5)
    vectors += centres[labels]
    return unit_rows(vectors), labels


def ranked(gallery: Gallery, vector: np.ndarray) -> RankedQueries:
    """The first hits of an exact search."""
    cosines = gallery.vectors @ vector
    order = np.argsort(-cosines, kind="stable")[:DEPTH]
    result = SearchResult("q", tuple(gallery.ids[row] for row in order), cosines[order])
    return RankedQueries((result,), vector[None], gallery)


def tiny() -> RankedQueries:
    """Something to warm up on."""
    vectors, _ = draw(50, 8, 5)
    return ranked(Gallery(tuple(map(str, range(50))), vectors), vectors[0])


def share(queries: RankedQueries, labels: np.ndarray, label: int) -> float:
    """How many of the first ten hits show the item."""
    return float((labels[queries.rows(0)[:10]] == label).mean())


def mean(pairs: list[list[float]], column: int) -> float:
    """Mean of one side."""
    return float(np.mean([pair[column] for pair in pairs]))


def peak() -> float:
    """Most memory that this process has held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
