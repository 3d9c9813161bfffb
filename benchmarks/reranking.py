"""Re-rankers of vectors on the Grocery set: options chosen on ``val``, figures on ``test``, ``train`` is the gallery.

    python benchmarks/reranking.py [--grocery FOLDER] [--extractors grocery,color_texture] [--out FILE.json]

Every system orders the same first 100 hits of an exact search. Options are those of highest mAP on ``val``; then each
re-ranker, and the best chain of two, is asked once on ``test``. Differences to no re-ranking are paired, query by
query, with bootstrap intervals of 95 %: over queries, and over items, whose photos resemble each other. mAP counts what
stands among the 100 hits. Times are processor time of one thread, one query at a time, since other processes share the
machine; ``fit`` is what the gallery costs, once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _embeddings import embed
from _provenance import provenance
from _timing import summary
from numpy.typing import NDArray

from util.datasets import read_dataset
from util.evaluation.intervals import bootstrap_interval, wilson_interval
from util.image_extract import load
from util.image_extract.base import Extractor
from util.records import ImageRecord, SearchResult
from util.rerank import build_reranker
from util.rerank.base import Gallery, RankedQueries, ReRanker

RESULTS = Path(__file__).parent / "results"
DEPTH = 100
TIMED = 60
GRIDS: Mapping[str, Mapping[str, Sequence[float]]] = {
    "aqe": {"n": (2, 5, 10)},
    "alpha_qe": {"n": (5, 10), "alpha": (1, 3)},
    "rank_qe": {"n": (10,), "power": (1, 4)},
    "dba": {"n": (5, 20), "last": (0.1, 0.5)},
    "aqe_concat": {"n": (3, 10)},
    "k_reciprocal": {"k1": (10, 20), "k2": (6,), "lam": (0.1, 0.3)},
    "diffusion": {"neighbours": (10, 30), "start": (3, 10), "truncation": (300,)},
    "qge": {"neighbours": (10, 30), "n": (5,), "truncation": (300,)},
}
FIRST = ("alpha_qe", "dba", "aqe_concat")  # of a chain
SECOND = ("alpha_qe", "k_reciprocal", "diffusion")


@dataclass(frozen=True)
class Part:
    """Queries of one part of the set, ranked without re-ranking.

    Attributes:
        queries: what is re-ranked.
        relevant: for each query the ids that show its item.
        items: the item of each query.
    """

    queries: RankedQueries
    relevant: Sequence[frozenset[str]]
    items: Sequence[str]

    def quality(self, queries: RankedQueries) -> dict[str, NDArray[np.float64]]:
        """Top-1, recall@5 and average precision of each query (Q,)."""
        found = [
            np.array([id_ in relevant for id_ in result.ids], dtype=float)
            for result, relevant in zip(queries.results, self.relevant, strict=True)
        ]
        return {
            "top1": np.array([hits[0] for hits in found]),
            "recall@5": np.array([hits[:5].max() for hits in found]),
            "map": np.array(
                [
                    float((hits * np.cumsum(hits) / np.arange(1, len(hits) + 1)).sum() / len(relevant))
                    for hits, relevant in zip(found, self.relevant, strict=True)
                ]
            ),
        }


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=Path("../shared/data/grocery"))
    parser.add_argument("--extractors", default="grocery,color_texture")
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo of train and test only")
    parser.add_argument("--embeddings", type=Path, help="folder to keep embeddings in")
    parser.add_argument("--out", type=Path, default=RESULTS / "reranking.json")
    arguments = parser.parse_args()
    kept = json.loads(arguments.out.read_text())["systems"] if arguments.out.exists() else {}
    result: dict[str, Any] = {"systems": kept}  # those measured before, each with its own provenance
    for name in arguments.extractors.split(","):
        made = measured(load(name), arguments.grocery, arguments.every, arguments.embeddings)
        made["provenance"] = provenance("numpy", "scipy", "numba", "torch")
        result["systems"][name] = made
        arguments.out.parent.mkdir(exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")
        print_table(name, result["systems"][name])


def measured(extractor: Extractor, folder: Path, every: int, kept: Path | None) -> dict[str, Any]:
    """All re-rankers on the embeddings of one extractor."""
    steps = {"val": 1, "test": every, "train": every}
    records = {part: read_dataset(folder / f"{part}.txt")[::step] for part, step in steps.items()}
    vectors = {part: embed(records[part], extractor, kept, part) for part in steps}
    gallery = gallery_of(records["train"], vectors["train"], extractor)
    val, test = (search(records[part], vectors[part], gallery, records["train"]) for part in ("val", "test"))
    chosen = choose(val)
    none = test.quality(test.queries)
    rows = {text: compared(test, build_reranker(text), none) for text in chosen}
    found = {key: round(float(values.mean()), 4) for key, values in none.items()}
    interval = [round(end, 4) for end in wilson_interval(int(none["top1"].sum()), len(none["top1"]))]
    return {
        "fingerprint": extractor.fingerprint,
        "depth": DEPTH,
        "every": every,
        "gallery": len(gallery),
        "queries": len(test.queries),
        "none": found | {"top1_ci95": interval, "val_map": round(float(val.quality(val.queries)["map"].mean()), 4)},
        "rerankers": {text: {"val_map": chosen[text]} | row for text, row in rows.items()},
    }


def gallery_of(shown: Sequence[ImageRecord], vectors: NDArray[np.float32], extractor: Extractor) -> Gallery:
    """What is searched, with its metadata."""
    metadata = tuple(record.metadata for record in shown)
    return Gallery(tuple(record.id for record in shown), vectors, extractor.fingerprint, metadata)


def search(
    asked: Sequence[ImageRecord], vectors: NDArray[np.float32], gallery: Gallery, shown: Sequence[ImageRecord]
) -> Part:
    """The first hits of each query, equal cosines by id."""
    by_item: dict[str | None, set[str]] = {}
    for record in shown:
        by_item.setdefault(record.item, set()).add(record.id)
    ids = np.array(gallery.ids)
    results = []
    for record, vector in zip(asked, vectors, strict=True):
        cosines = gallery.vectors @ vector
        order = np.lexsort((ids, -cosines))[:DEPTH]
        results.append(SearchResult(record.id, tuple(ids[order].tolist()), cosines[order]))
    relevant = [frozenset(by_item[record.item]) for record in asked]
    known = tuple(record.metadata for record in asked)
    queries = RankedQueries(tuple(results), vectors, gallery, query_metadata=known)
    return Part(queries, relevant, [str(record.item) for record in asked])


def choose(val: Part) -> dict[str, float]:
    """The best options of each re-ranker on ``val``, then the best chain of two of them, with their mAP."""
    chosen: dict[str, float] = {}
    for name, grid in GRIDS.items():
        tried = {text: mean_ap(val, text) for text in written(name, grid)}
        best = max(tried, key=lambda text: tried[text])
        chosen[best] = tried[best]
    best_of = {text.partition(":")[0]: text for text in chosen}
    pairs = [f"{best_of[first]}+{best_of[second]}" for first in FIRST for second in SECOND if first != second]
    tried = {text: mean_ap(val, text) for text in pairs}
    best = max(tried, key=lambda text: tried[text])
    return chosen | {best: tried[best]}


def written(name: str, grid: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """A re-ranker with all its options."""
    for values in itertools.product(*grid.values()):
        yield f"{name}:" + ",".join(f"{key}={value}" for key, value in zip(grid, values, strict=True))


def mean_ap(part: Part, text: str) -> float:
    """Mean average precision of a part after re-ranking."""
    return round(float(part.quality(build_reranker(text)(part.queries))["map"].mean()), 4)


def compared(test: Part, reranker: ReRanker, none: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """What a re-ranker makes of ``test``, against nothing, and what it costs."""
    started = time.process_time()
    reranker.fit(test.queries.gallery)
    fitted = time.process_time() - started
    quality = test.quality(reranker(test.queries))
    made: dict[str, Any] = {key: round(float(values.mean()), 4) for key, values in quality.items()}
    for key in ("top1", "map"):
        gain = quality[key] - none[key]
        made[f"{key}_gain"] = {
            "mean": round(float(gain.mean()), 4),
            "ci95": [round(end, 4) for end in bootstrap_interval(gain)],
            "ci95_over_items": [round(end, 4) for end in bootstrap_interval(gain, groups=test.items)],
        }
    made["top1_gained"] = int((quality["top1"] > none["top1"]).sum())
    made["top1_lost"] = int((quality["top1"] < none["top1"]).sum())
    return made | {"fit_s": round(fitted, 2), "query": summary(times(reranker, test.queries))}


def times(reranker: ReRanker, queries: RankedQueries) -> list[float]:
    """Milliseconds of processor time of single queries."""
    taken = []
    for number in range(TIMED + 3):
        one = replace(
            queries,
            results=queries.results[number : number + 1],
            vectors=queries.vectors[number : number + 1],
            evidence=(),
            query_metadata=queries.query_metadata[number : number + 1],
        )
        started = time.process_time()
        reranker(one)
        taken.append((time.process_time() - started) * 1000)
    return taken[3:]


def print_table(name: str, made: dict[str, Any]) -> None:
    """The table in Markdown."""
    none = made["none"]
    print(f"\n{name}: {made['queries']} queries, {made['gallery']} images, the first {DEPTH} hits\n")
    print("| re-ranker | mAP | gain (95 % interval) | top-1 | gain (95 % interval) | recall@5 | fit, s | ms a query |")
    print("|---|---|---|---|---|---|---|---|")
    print(f"| none | {none['map']:.3f} | | {none['top1']:.3f} | | {none['recall@5']:.3f} | | |")
    for text, row in made["rerankers"].items():
        gains = [
            f"{row[f'{key}_gain']['mean']:+.3f} ({row[f'{key}_gain']['ci95'][0]:+.3f} to "
            f"{row[f'{key}_gain']['ci95'][1]:+.3f})"
            for key in ("map", "top1")
        ]
        print(
            f"| `{text}` | {row['map']:.3f} | {gains[0]} | {row['top1']:.3f} | {gains[1]} | {row['recall@5']:.3f} "
            f"| {row['fit_s']:.1f} | {row['query']['median_ms']:.1f} |"
        )


if __name__ == "__main__":
    main()
