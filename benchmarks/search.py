"""Search through the embedded store against bare FAISS on the same vectors, in one run with the same threads.

    python benchmarks/search.py [--images 36500] [--dimension 512] [--threads 1] [--out FILE.json]

Bare FAISS is ``IndexFlatIP.search`` (or the same factory string), which knows neither ids nor metadata. The limit of
exact search is one pass over the vectors, measured as the matrix-vector product alone. Vectors lie as those of nearly
identical items do: ten photos around an item, twenty items around a family; queries are further photos of the items.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from _provenance import provenance
from _timing import seconds, summary, turn_by_turn
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from util.records import Embeddings, SpaceInfo, unit_rows
from util.vector_store import open_store
from util.vector_store.base import VectorStore
from util.vector_store.filters import Range

RESULTS = Path(__file__).parent / "results"
FINGERPRINT = "f" * 64
SEED = 36_500
PHOTOS, ITEMS = 10, 20  # of one item, of one family
K = 10
INDEXES = ("IVF256,Flat", "IVF256,PQ64", "HNSW32")


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=36_500)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path, default=RESULTS / "search.json")
    arguments = parser.parse_args()

    faiss.omp_set_num_threads(arguments.threads)
    vectors, queries = grouped_vectors(arguments.images, arguments.dimension)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(arguments.threads):
        url = f"embedded:{folder}/nearid.db"
        with open_store(url) as store:
            result = {
                "images": len(vectors),
                "dimension": arguments.dimension,
                "threads": arguments.threads,
                "k": K,
                "seed": SEED,
                "write": fill(store, "exact", vectors),
                "exact": exact(store, vectors, queries, arguments.repeats),
                "full_rankings": full_rankings(store, vectors, queries),
                "filters": filters(store, queries, arguments.repeats // 4),
                "indexes": {kind: approximate(store, kind, vectors, queries, arguments.repeats) for kind in INDEXES},
            }
        with open_store(url) as store:
            result["first_search_after_opening_s"] = {
                name: seconds(lambda name=name: search(store, name, queries[:1])) for name in ("exact", *INDEXES)
            }
    result["provenance"] = provenance("numpy", "faiss-cpu", "threadpoolctl")
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def grouped_vectors(count: int, dimension: int) -> tuple[Embeddings, Embeddings]:
    """Unit rows of photos, and 2,000 queries that are further photos of the same items."""
    rng = np.random.default_rng(SEED)
    families = rng.standard_normal((count // (PHOTOS * ITEMS) + 1, dimension), dtype=np.float32)
    items = np.repeat(families, ITEMS, axis=0)
    items += 0.4 * rng.standard_normal(items.shape, dtype=np.float32)

    def photos(of: NDArray[np.intp]) -> Embeddings:
        return unit_rows(items[of] + 0.4 * rng.standard_normal((len(of), dimension), dtype=np.float32))

    return photos(np.arange(count) // PHOTOS), photos(rng.integers(count // PHOTOS, size=2000))


def fill(store: VectorStore, space: str, vectors: Embeddings, *, index: str = "Flat") -> dict[str, float]:
    """Writes all vectors in batches of 500, as indexing does."""
    store.create_space(SpaceInfo(space, "benchmark", vectors.shape[1], FINGERPRINT, index=index))

    def write() -> None:
        for start in range(0, len(vectors), 500):
            rows = range(start, min(start + 500, len(vectors)))
            fields = [
                {
                    "item": f"item {row // PHOTOS}",
                    "sha256": f"{row:064x}",
                    "path": f"photos/{row}.jpg",
                    "year": row % 100,
                }
                for row in rows
            ]
            ids = [f"photos/{row:07}.jpg" for row in rows]
            store.upsert(space, ids, vectors[rows.start : rows.stop], fields, fingerprint=FINGERPRINT)

    took = seconds(write)
    return {"seconds": took, "images_per_second": round(len(vectors) / took)}


def search(store: VectorStore, space: str, queries: Embeddings, k: int = K, **options: object) -> list:
    """One call of the store."""
    return store.search(space, queries, k, fingerprint=FINGERPRINT, **options)


def exact(store: VectorStore, vectors: Embeddings, queries: Embeddings, repeats: int) -> dict[str, object]:
    """Single queries and batches of 100, store and bare FAISS in turns."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    first = seconds(lambda: search(store, "exact", queries[:1]))
    one = turn_by_turn(
        {
            "bare_faiss": lambda n: flat.search(queries[n : n + 1], K),
            "store_with_metadata": lambda n: search(store, "exact", queries[n : n + 1]),
            "store_without_metadata": lambda n: search(store, "exact", queries[n : n + 1], with_metadata=False),
            "limit_one_pass_over_the_vectors": lambda n: vectors @ queries[n],
        },
        repeats=repeats,
    )
    many = turn_by_turn(
        {
            "bare_faiss": lambda n: flat.search(queries[100 * n : 100 * n + 100], K),
            "store_with_metadata": lambda n: search(store, "exact", queries[100 * n : 100 * n + 100]),
            "limit_matrix_product": lambda n: queries[100 * n : 100 * n + 100] @ vectors.T,
        },
        repeats=10,
        warm_up=1,
    )
    ids = [result.ids for result in search(store, "exact", queries[:200])]
    places = flat.search(queries[:200], K)[1]
    same = [{f"photos/{place:07}.jpg" for place in line} == set(found) for line, found in zip(places, ids, strict=True)]
    return {
        "first_search_s": first,
        "single": one,
        "single_ratio_to_bare_faiss": ratio(one, "store_with_metadata", "bare_faiss"),
        "single_ratio_to_limit": ratio(one, "store_with_metadata", "limit_one_pass_over_the_vectors"),
        "batch_of_100": many,
        "batch_ratio_to_bare_faiss": ratio(many, "store_with_metadata", "bare_faiss"),
        "same_hits_as_bare_faiss": float(np.mean(same)),
    }


def full_rankings(store: VectorStore, vectors: Embeddings, queries: Embeddings) -> dict[str, object]:
    """What an evaluation asks for: every query against the whole of a small gallery."""
    gallery = vectors[:2640]
    fill(store, "gallery", gallery)
    search(store, "gallery", queries[:2], 2640, with_metadata=False)
    timed = summary([1000 * seconds(lambda: search(store, "gallery", queries[:1247], 2640, with_metadata=False))
                     for _ in range(5)])  # fmt: skip
    return {"queries": 1247, "gallery": 2640, "time": timed}


def filters(store: VectorStore, queries: Embeddings, repeats: int) -> dict[str, object]:
    """Single queries with a filter: the first time it is asked, and again."""
    asked: dict[str, Callable[[int], dict[str, object]]] = {
        "item, by its index, another each time": lambda n: {"item": f"item {n}"},
        "half of the images": lambda n: {"year": Range(lt=50)},
        "one in a hundred": lambda n: {"year": 7},
    }
    return {
        name: {
            "first_s": seconds(lambda where=where: search(store, "exact", queries[:1], where=where(-1))),
            "again": turn_by_turn(
                {name: lambda n, where=where: search(store, "exact", queries[n : n + 1], where=where(n))},
                repeats=repeats,
            )[name],
        }
        for name, where in asked.items()
    }


def approximate(
    store: VectorStore, kind: str, vectors: Embeddings, queries: Embeddings, repeats: int
) -> dict[str, object]:
    """Single queries through an index, store and bare FAISS with the same parameters in turns."""
    fill(store, kind, vectors, index=kind)
    built = seconds(lambda: store.refresh(kind))
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    faiss.ParameterSpace().set_index_parameters(index, "efSearch=128" if "HNSW" in kind else "nprobe=16")
    timed = turn_by_turn(
        {
            "bare_faiss": lambda n: index.search(queries[n : n + 1], K),
            "store_with_metadata": lambda n: search(store, kind, queries[n : n + 1]),
        },
        repeats=repeats,
    )
    best = [set(result.ids) for result in search(store, "exact", queries[:500])]
    found = [result.ids for result in search(store, kind, queries[:500])]
    bare = [[f"photos/{place:07}.jpg" for place in line] for line in index.search(queries[:500], K)[1]]
    return {
        "build_s": built,
        "single": timed,
        "ratio_to_bare_faiss": ratio(timed, "store_with_metadata", "bare_faiss"),
        "recall_at_10": recall(found, best),
        "recall_at_10_of_bare_faiss": recall(bare, best),
    }


def recall(found: list, best: list[set[str]]) -> float:
    """Share of the true ten that was found."""
    return round(float(np.mean([len(set(line) & true) / K for line, true in zip(found, best, strict=True)])), 4)


def ratio(timed: dict, one: str, other: str) -> float:
    """Median of one over median of the other."""
    return round(timed[one]["median_ms"] / timed[other]["median_ms"], 3)


if __name__ == "__main__":
    main()
