"""Recall against queries per second for all kinds of search index, on the same vectors.

    python benchmarks/approximate_search.py [--images 100000] [--dimension 256] [--kinds hnsw ivf …]
    python benchmarks/approximate_search.py --images 1000000 --folder DIR --build-only    # hours before …
    python benchmarks/approximate_search.py --images 1000000 --folder DIR                 # … on an idle machine

The way of ann-benchmarks (Aumüller, Bernhardsson, Faithfull, "ANN-Benchmarks: A benchmarking tool for approximate
nearest neighbor algorithms", Information Systems 87, 2020): each kind is built once and asked single queries, one at a
time on one thread, with rising effort. A hit counts as right if its similarity reaches that of the true tenth. Queries
per second are those of the faster of two passes. Each kind is measured through the embedded store, with ids, metadata
and exact scores, and as the limit by its bare library, which answers with numbers alone.

What was built stays in the folder and is not built again. Each step runs in a process of its own, so that its memory
is its own; building takes as many threads as there are processors, unless OMP_NUM_THREADS says otherwise. The picture
is drawn and the tables are put into ``docs/search_methods.md``; ``--report`` does only that, from the result.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from _clustered_vectors import DECAY, SEED, SPREAD, ClusteredVectors
from _provenance import provenance
from _search_report import recommended, report
from _timing import seconds, summary

from util.records import Embeddings, SearchResult, SpaceInfo
from util.vector_store import open_store
from util.vector_store.base import VectorStore
from util.vector_store.embedded.indexes import index_kind, read_search_parameters
from util.vector_store.index_names import is_exact

RESULTS = Path(__file__).parent / "results"
FINGERPRINT = "f" * 64
SPACE = "photos"
K = 10
QUERIES = 300
PASSES, LONGEST_MS = 2, 20_000  # after so long, the first pass has to do
TIE = 1e-6  # similarities this close are equal

Ask = Callable[[Embeddings], Any]

_NPROBE = ["", *(f"nprobe={lists}" for lists in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512))]
_EF = ["", "efSearch=40,proposals=40", *(f"efSearch={queue}" for queue in (100, 128, 200, 256, 400, 512, 800))]
_PROPOSALS = ["", *(f"proposals={count}" for count in (40, 100, 200, 400, 1000, 2000, 5000, 10_000))]
KINDS: dict[str, list[str]] = {
    "flat": [""],
    "hnsw": _EF,
    "HNSW24,SQ8": _EF,
    "hnswpq": [
        "",
        *(f"{ef},proposals={count}" for ef in ("efSearch=128", "efSearch=512") for count in (100, 200, 400)),
    ],
    "ivf": _NPROBE,
    "ivf:pca=64": _NPROBE,
    "ivfpq": ["", *(f"{probes},proposals={count}" for count in (100, 1000, 4000) for probes in _NPROBE[3:])],
    "pq": _PROPOSALS,
    "lsh": _PROPOSALS,
    "annoy": ["", *(f"search_k={nodes}" for nodes in (1000, 3000, 10_000, 30_000, 100_000))],
}
"""The kinds, and how hard each is asked to search: first as it is by default."""


def main() -> None:
    """Runs one phase, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), help="of: " + "  ".join(KINDS))
    parser.add_argument("--folder", type=Path, help="where everything is kept [default: a temporary folder]")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--report", action="store_true", help="only write tables and picture, from the result")
    parser.add_argument("--out", type=Path, default=RESULTS / "approximate_search.json")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        phase, _, kind = arguments.phase.partition("/")
        print(json.dumps(PHASES[phase](arguments, kind)))
    elif arguments.report:
        report(json.loads(arguments.out.read_text()))
    elif arguments.folder:
        run(arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            arguments.folder = Path(folder)
            run(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Builds what is not there yet; then measures, unless that is left for later."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if not (arguments.folder / "ready.json").exists():
        in_process(arguments, "prepare")
    for kind in arguments.kinds:
        if not is_exact(kind) and not (kept(arguments, kind) / "build.json").exists():
            in_process(arguments, f"build/{kind}")
    if arguments.build_only:
        return
    busy = os.getloadavg()[1]
    found = {kind: in_process(arguments, f"measure/{kind}") for kind in arguments.kinds}
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"runs": {}}
    about = {"k": K, "queries": QUERIES, "seed": SEED, "spread": SPREAD, "decay": DECAY, "threads": 1}
    about["load_average_before"] = round(busy, 1)
    name = f"{arguments.images} x {arguments.dimension}"
    before = result["runs"].get(name, {}).get("kinds", {})
    kinds = before | found
    result["runs"][name] = {
        **about,
        "images": arguments.images,
        "dimension": arguments.dimension,
        "kinds": kinds,
        "recommended": recommended(kinds),
        "provenance": provenance("numpy", "faiss-cpu", "annoy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    report(result)


def in_process(arguments: argparse.Namespace, phase: str) -> Any:
    """What a phase measured."""
    command = [sys.executable, __file__, "--phase", phase, "--folder", str(arguments.folder)]
    command += ["--images", str(arguments.images), "--dimension", str(arguments.dimension)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(f"{time.strftime('%H:%M:%S')} {phase} {done.stdout.strip()[:300]}", file=sys.stderr, flush=True)
    return json.loads(done.stdout)


def prepare(arguments: argparse.Namespace, _: str) -> dict[str, object]:
    """Vectors, queries, the true tenth of each, and a store with one space of all vectors."""
    drawn = ClusteredVectors(arguments.dimension)
    vectors = drawn.photos(arguments.images)
    queries = drawn.queries(QUERIES, among=arguments.images)
    np.save(arguments.folder / "vectors.npy", vectors)
    np.save(arguments.folder / "queries.npy", queries)
    np.save(arguments.folder / "tenth.npy", tenth_best(vectors, queries))
    (arguments.folder / "nearid.db").unlink(missing_ok=True)
    with open_store(url(arguments)) as store:
        store.create_space(SpaceInfo(SPACE, "benchmark", arguments.dimension, FINGERPRINT))
        for start in range(0, len(vectors), 2000):
            rows = range(start, min(start + 2000, len(vectors)))
            ids = [f"photos/{row:07}.jpg" for row in rows]
            fields = [{"item": f"item {row // 10}", "sha256": f"{row:064x}", "year": row % 100} for row in rows]
            store.upsert(SPACE, ids, vectors[rows.start : rows.stop], fields, fingerprint=FINGERPRINT)
        store.refresh(SPACE)
        store.search(SPACE, queries[:1], K, fingerprint=FINGERPRINT)
    ready = {"images": len(vectors), "dimension": arguments.dimension, "seed": SEED}
    (arguments.folder / "ready.json").write_text(json.dumps(ready))
    return ready


def tenth_best(vectors: Embeddings, queries: Embeddings) -> np.ndarray:
    """Similarity of the true k-th neighbour of each query, float64, by a plain scan."""
    best = np.empty((len(queries), 0))
    for start in range(0, len(vectors), 50_000):
        scores = queries.astype(np.float64) @ vectors[start : start + 50_000].T.astype(np.float64)
        best = np.partition(np.hstack([best, scores]), -K, axis=1)[:, -K:]
    return best.min(axis=1)


def build(arguments: argparse.Namespace, kind: str) -> dict[str, object]:
    """Builds one index through the store and keeps its files."""
    with open_store(url(arguments)) as store:
        queries = np.load(arguments.folder / "queries.npy")
        store.set_index(SPACE, "flat")
        store.search(SPACE, queries[:1], K, fingerprint=FINGERPRINT)  # maps the vectors, which is no part of building
        before = memory()
        store.set_index(SPACE, kind)
        took = seconds(lambda: store.refresh(SPACE))
    folder = kept(arguments, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in index_files(arguments):
        os.link(file, folder / file.name)
    size = sum(file.stat().st_size for file in folder.iterdir())
    made = {
        "seconds": took,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))),
        "bytes_a_vector": round(size / arguments.images, 1),
        "peak_mib": memory()["peak_mib"],
        "of_it_vectors_and_interpreter_mib": before["resident_mib"],
    }
    (folder / "build.json").write_text(json.dumps(made))
    return made


def measure(arguments: argparse.Namespace, kind: str) -> dict[str, object]:
    """Asks one index with rising effort, through the store and without it."""
    import faiss
    from threadpoolctl import threadpool_limits

    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        efforts = KINDS.get(kind, _EF)
        with open_store(url(arguments)) as store:
            store.set_index(SPACE, kind)
            if not is_exact(kind):
                place(arguments, kind)
            opened = seconds(lambda: store.refresh(SPACE))
            through_store = [through(store, arguments, effort) for effort in efforts]
        without = [bare(arguments, kind, effort) for effort in dict.fromkeys(map(of_library, efforts))]
    made = None if is_exact(kind) else json.loads((kept(arguments, kind) / "build.json").read_text())
    return {
        "build": made,
        "open_s": opened,
        "store": through_store,
        "library": without,
        "peak_mib": memory()["peak_mib"],
    }


def through(store: VectorStore, arguments: argparse.Namespace, effort: str) -> dict[str, object]:
    """Recall and times through the store."""
    store.annotate(SPACE, {"search_parameters": effort or None})

    def ask(query: Embeddings) -> SearchResult:
        return store.search(SPACE, query, K, fingerprint=FINGERPRINT)[0]

    return {"parameters": effort, **timed(arguments, ask, lambda found, _: found.scores)}


def bare(arguments: argparse.Namespace, kind: str, effort: str) -> dict[str, object]:
    """Recall and times of the library alone, on the same index."""
    vectors = np.load(arguments.folder / "vectors.npy", mmap_mode="r")
    ask = opened_library(str(arguments.folder), kind, arguments.dimension)(effort)
    return {"parameters": effort, **timed(arguments, ask, lambda rows, query: vectors[rows] @ query[0])}


@lru_cache(maxsize=1)
def opened_library(folder: str, kind: str, dimension: int) -> Callable[[str], Ask]:
    """From search parameters to a function that answers with the rows nearest to a query."""
    if is_exact(kind):
        import faiss

        flat = faiss.IndexFlatIP(dimension)
        flat.add(np.load(f"{folder}/vectors.npy"))
        return lambda _: lambda query: flat.search(query, K)[1][0]
    path = next((Path(folder) / "built" / slug(kind)).glob("*.faiss"))
    built, _ = index_kind(kind, dimension).read(path)

    def tuned(effort: str) -> Ask:
        built.tune(read_search_parameters(effort))
        return lambda query: built.propose(query, K)[0] - 1  # keys count from 1

    return tuned


def of_library(effort: str) -> str:
    """The search parameters that the library knows; how many proposals are scored again is the store's affair."""
    return ",".join(part for part in effort.split(",") if not part.startswith("proposals"))


def timed(arguments: argparse.Namespace, ask: Ask, similarities: Callable[[Any, Embeddings], Any]) -> dict[str, object]:
    """Recall and times of single queries, the first of them asked before to warm up."""
    queries, tenth = (np.load(arguments.folder / f"{name}.npy") for name in ("queries", "tenth"))
    single = queries[:, np.newaxis]
    for query in single[:5]:
        ask(query)
    passes, found = [], []
    while len(passes) < PASSES and sum(map(sum, passes)) < LONGEST_MS:
        found, times = [], []
        for query in single:
            started = time.perf_counter()
            found.append(ask(query))
            times.append((time.perf_counter() - started) * 1000)
        passes.append(times)
    right = [
        np.count_nonzero(np.asarray(similarities(answer, query)) >= worst - TIE)
        for answer, query, worst in zip(found, single, tenth, strict=True)
    ]
    return {
        "recall": round(float(np.mean(right)) / K, 4),
        "queries_per_second": round(1000 * len(queries) / min(map(sum, passes)), 1),
        **summary([time for times in passes for time in times]),
    }


def place(arguments: argparse.Namespace, kind: str) -> None:
    """Puts a built index where the store looks for it."""
    for file in kept(arguments, kind).iterdir():
        if file.suffix != ".json":
            target = arguments.folder / "nearid.db.index" / file.name
            target.unlink(missing_ok=True)
            os.link(file, target)


def index_files(arguments: argparse.Namespace) -> list[Path]:
    """The files of the index that the space has now."""
    folder = arguments.folder / "nearid.db.index"
    return [file for file in folder.iterdir() if file.suffix != ".vectors"]


def kept(arguments: argparse.Namespace, kind: str) -> Path:
    """Where the files of a built index lie."""
    return Path(arguments.folder) / "built" / slug(kind)


def slug(kind: str) -> str:
    """A kind as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9]+", "-", kind)


def memory() -> dict[str, int]:
    """Resident MiB of this process now, and the most it ever had."""
    status = Path("/proc/self/status").read_text()
    resident, peak = (re.search(rf"{field}:\s+(\d+)", status) for field in ("VmRSS", "VmHWM"))
    return {"resident_mib": int(resident[1]) >> 10, "peak_mib": int(peak[1]) >> 10} if resident and peak else {}


def url(arguments: argparse.Namespace) -> str:
    """Where the store lies."""
    return f"embedded:{arguments.folder}/nearid.db"


PHASES = {"prepare": prepare, "build": build, "measure": measure}

if __name__ == "__main__":
    main()
