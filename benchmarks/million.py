"""A million vectors of 256 numbers in the embedded store: writing, opening again, searching, and the memory it takes.

    python benchmarks/million.py [--images 1000000] [--dimension 256] [--index IVF1024,Flat] [--out FILE.json]

Each phase runs in a process of its own, so that its memory is its own: ``write`` (batches of 2,000 images), ``build``
(first search: reads the database, writes the cache), ``open`` (a later process: maps the cache), and the same for a
second space with a FAISS index. The page cache of the operating system is warm, as after any recent use; ``cold``
drops the caches first where that is allowed. Resident memory includes the mapped cache, which processes share.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from _provenance import provenance
from _timing import seconds, turn_by_turn

from util.records import Embeddings, SpaceInfo, unit_rows
from util.vector_store import open_store

RESULTS = Path(__file__).parent / "results"
FINGERPRINT = "f" * 64
SEED = 1_000_000
BATCH = 2000
K = 10
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def main() -> None:
    """Runs one phase, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--index", default="IVF1024,Flat", help="FAISS factory string of the second space")
    parser.add_argument("--folder", type=Path, help="where the store lies [default: a temporary folder]")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS / "million.json")
    arguments = parser.parse_args()
    if arguments.phase:
        print(json.dumps(PHASES[arguments.phase.partition(":")[0]](arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        arguments.folder = Path(folder)
        result = all_phases(arguments)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def all_phases(arguments: argparse.Namespace) -> dict[str, object]:
    """Every phase in its own process."""
    result: dict[str, object] = {"images": arguments.images, "dimension": arguments.dimension, "k": K, "seed": SEED}
    for space, index in (("exact", "Flat"), ("index", arguments.index)):
        result[space] = {"factory": index} | {
            name: in_process(arguments, f"{name}:{space}") for name in ("write", "build", "open")
        }
        if DROP_CACHES.exists() and may_drop_caches():
            result[space]["open_cold"] = in_process(arguments, f"open:{space}")
    result["bytes"] = {
        "vectors": arguments.images * arguments.dimension * 4,
        "database": (arguments.folder / "nearid.db").stat().st_size,
        **{path.name: path.stat().st_size for path in sorted((arguments.folder / "nearid.db.index").iterdir())},
    }
    result["recall_at_10_of_the_index"] = in_process(arguments, "recall:index")
    return result | {"provenance": provenance("numpy", "faiss-cpu")}


def in_process(arguments: argparse.Namespace, phase: str) -> object:
    """What a phase measured."""
    done = subprocess.run(
        [sys.executable, __file__, "--phase", phase, "--folder", str(arguments.folder), "--index", arguments.index,
         "--images", str(arguments.images), "--dimension", str(arguments.dimension)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    measured = json.loads(done.stdout)
    print(phase, json.dumps(measured), file=sys.stderr)
    return measured


def write(arguments: argparse.Namespace) -> dict[str, object]:
    """Upserts all images; the drawing of the vectors is not counted."""
    space = arguments.phase.partition(":")[2]
    took = 0.0
    with open_store(url(arguments)) as store:
        index = "Flat" if space == "exact" else arguments.index
        store.create_space(SpaceInfo(space, "benchmark", arguments.dimension, FINGERPRINT, index=index))
        for first, vectors in batches(arguments.images, arguments.dimension):
            rows = range(first, first + len(vectors))
            ids = [f"photos/{row:07}.jpg" for row in rows]
            fields = [{"item": f"item {row // 10}", "sha256": f"{row:064x}", "year": row % 100} for row in rows]
            started = time.perf_counter()
            store.upsert(space, ids, vectors, fields, fingerprint=FINGERPRINT)
            took += time.perf_counter() - started
    return {"seconds": round(took, 1), "images_per_second": round(arguments.images / took), "memory": memory()}


def build(arguments: argparse.Namespace) -> dict[str, object]:
    """The first time that a process needs the space: reads all vectors, writes caches, builds the index."""
    space = arguments.phase.partition(":")[2]
    with open_store(url(arguments)) as store:
        took = seconds(lambda: store.refresh(space))
    return {"seconds": took, "memory": memory()}


def open_again(arguments: argparse.Namespace) -> dict[str, object]:
    """A new process: opening, the first search, then more of them."""
    space = arguments.phase.partition(":")[2]
    asked = queries(arguments)
    before = memory()
    started = time.perf_counter()
    with open_store(url(arguments)) as store:
        opened = time.perf_counter() - started

        def search(vectors: Embeddings, **options: object) -> list:
            return store.search(space, vectors, K, fingerprint=FINGERPRINT, **options)

        first = seconds(lambda: search(asked[:1]))
        calls = {
            "single": lambda n: search(asked[n : n + 1]),
            "single_with_filter_on_item": lambda n: search(asked[n : n + 1], where={"item": f"item {n}"}),
            "batch_of_100": lambda n: search(asked[:100]),
        }
        timed = {name: turn_by_turn({name: call}, repeats=20)[name] for name, call in calls.items()}
        filtered = seconds(lambda: search(asked[:1], where={"year": 7}))
        again = seconds(lambda: search(asked[:1], where={"year": 7}))
        return {
            "open_s": round(opened, 4),
            "first_search_s": first,
            **timed,
            "filter_without_index_first_s": filtered,
            "filter_without_index_again_s": again,
            "memory_before_opening": before,
            "memory": memory(),
        }


def recall(arguments: argparse.Namespace) -> float:
    """Share of the true ten that the index finds."""
    asked = queries(arguments)
    with open_store(url(arguments)) as store:
        best, found = (
            store.search(space, asked, K, fingerprint=FINGERPRINT, with_metadata=False) for space in ("exact", "index")
        )
    shares = [len(set(one.ids) & set(other.ids)) / K for one, other in zip(best, found, strict=True)]
    return round(float(np.mean(shares)), 4)


def batches(count: int, dimension: int) -> Iterator[tuple[int, Embeddings]]:
    """All vectors, a batch at a time."""
    for first in range(0, count, BATCH):
        yield first, photos(first, dimension)[: count - first]


def photos(first: int, dimension: int) -> Embeddings:
    """One batch: photos of items of families, as in ``search.py``."""
    rng = np.random.default_rng([SEED, first])
    items = np.repeat(rng.standard_normal((BATCH // 200, dimension)), 20, axis=0)
    items += 0.4 * rng.standard_normal(items.shape)
    of_items = np.repeat(items, 10, axis=0)
    return unit_rows(of_items + 0.4 * rng.standard_normal(of_items.shape))


def queries(arguments: argparse.Namespace) -> Embeddings:
    """Further photos of two hundred items from all over the space."""
    step = max(1, arguments.images // BATCH // 200) * BATCH
    rows = [photos(first, arguments.dimension)[0] for first in range(0, arguments.images, step)][:200]
    noise = np.random.default_rng(1).standard_normal((len(rows), arguments.dimension))
    return unit_rows(np.array(rows) + 0.4 / np.sqrt(arguments.dimension) * noise)


def memory() -> dict[str, int]:
    """Resident MiB of this process now, what of it is mapped files, and the most it ever had."""
    info = psutil.Process().memory_info()
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {"resident_mib": info.rss >> 20, "of_it_shared_mib": info.shared >> 20, "peak_mib": peak >> 10}


def url(arguments: argparse.Namespace) -> str:
    """Where the store lies."""
    return f"embedded:{arguments.folder}/nearid.db"


def may_drop_caches() -> bool:
    """Drops the page cache, which only root may."""
    subprocess.run(["sync"], check=True)
    try:
        DROP_CACHES.write_text("1")
    except OSError:
        return False
    return True


PHASES = {"write": write, "build": build, "open": open_again, "recall": recall}

if __name__ == "__main__":
    main()
