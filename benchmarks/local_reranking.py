"""Local features as a re-ranker: does the right item come first more often, and at what cost?

    python benchmarks/local_reranking.py [--part drawn|grocery|both] [--grocery FOLDER] [--out FILE.json]

Drawn items: families of five bottles, cartons or boxes that differ in small things only, of seeds that nothing was
chosen on (options were chosen on seeds 11 and 12). Some photos are looked up among all others. Real photos: Grocery,
``train`` indexed, and of ``test`` the photos of *near-identical packages*: packages whose coarse class has several fine
ones (six kinds of milk, ten juices …). Every system sees the first 20 hits of the same search.

Recall@1 with Wilson's interval; ``gained`` and ``lost`` count the queries that became right or wrong by re-ranking,
with the exact two-sided McNemar p. Times are of one thread with cached features, processor time, since other processes
share the machine; ``describe`` is what caching saves, once a photo.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from _embeddings import embed
from _provenance import provenance
from _timing import summary
from numpy.typing import NDArray
from scipy.stats import binomtest

from util.datasets import read_dataset, synthesize
from util.evaluation.intervals import wilson_interval
from util.image_extract import load
from util.image_extract.base import Extractor
from util.images import content_hash, read_image
from util.records import ImageRecord, SearchResult
from util.rerank._cache import ArrayCache
from util.rerank.base import Gallery, Picture, RankedQueries
from util.rerank.local.reranking import LocalReRanker
from util.rerank.local.sift import SiftMatcher
from util.rerank.local.verifying import view_of
from util.rerank.sift import Sift

T = TypeVar("T")
RESULTS = Path(__file__).parent / "results"
GROCERY = Path("../shared/data/grocery")
SEEDS = (21, 22, 23)
DEPTH = 20
RERANKERS: dict[str, LocalReRanker] = {
    "sift": Sift(top=DEPTH),
    "sift, print not compared": Sift(top=DEPTH, penalty=0),
}
TIMED = 50


@dataclass(frozen=True)
class Photos:
    """Photos on disk for re-rankers: hits by id, queries by their place."""

    records: Sequence[ImageRecord]
    queries: Sequence[ImageRecord]
    _by_id: dict[str, ImageRecord] = field(default_factory=dict)

    def query(self, number: int) -> Picture:
        """The photo of a query."""
        return picture(self.queries[number])

    def hit(self, id_: str) -> Picture:
        """The photo of a gallery image."""
        if not self._by_id:
            self._by_id.update({record.id: record for record in self.records})
        return picture(self._by_id[id_])


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("drawn", "grocery", "both"), default="both")
    parser.add_argument("--grocery", type=Path, default=GROCERY)
    parser.add_argument("--extractor", default="grocery", help="of the Grocery photos")
    parser.add_argument("--every", type=int, default=1, help="ask about every n-th Grocery photo only")
    parser.add_argument("--queries", type=int, default=40, help="drawn photos asked about, a seed")
    parser.add_argument("--photos", type=int, default=4, help="drawn photos an item")
    parser.add_argument("--size", type=int, default=256, help="of drawn photos, in pixels")
    parser.add_argument("--embeddings", type=Path, help="folder to keep Grocery's embeddings in")
    parser.add_argument("--features", type=Path, help="folder to keep what is found in photos in")
    parser.add_argument("--out", type=Path, default=RESULTS / "local_reranking.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    features = ArrayCache(arguments.features, entries=100_000)  # all look at the same photos
    RERANKERS.update({name: reranker.with_cache(features) for name, reranker in RERANKERS.items()})
    result: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.part in ("drawn", "both"):
        result["drawn"] = drawn(arguments.queries, arguments.photos, arguments.size)
        write(arguments.out, result, "drawn")
    if arguments.part in ("grocery", "both"):
        extractor = load(arguments.extractor, models_dir=Path("models"))
        result["grocery"] = grocery(arguments.grocery, extractor, arguments.every, arguments.embeddings)
        write(arguments.out, result, "grocery")


def write(path: Path, result: dict[str, Any], part: str) -> None:
    """Writes a part beside the other, each with what it was measured with."""
    result[part]["rerankers"] = {name: str(reranker) for name, reranker in RERANKERS.items()}
    result[part]["provenance"] = provenance("numpy", "opencv-python-headless", "torch")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result[part], indent=2), flush=True)


def drawn(queries: int, photos_per_item: int, size: int) -> dict[str, Any]:
    """All seeds together, for two extractors that learned nothing."""
    outcomes: dict[str, list[Outcome]] = {"color_texture": [], "orb": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            records = synthesize(
                folder, families=6, items_per_family=5, photos_per_item=photos_per_item, seed=seed, size=size
            )
            asked = np.random.default_rng(seed).permutation(len(records))[:queries]
            for name, kept in outcomes.items():
                vectors = load(name).extract([read_image(record.path) for record in records])
                cosines = vectors[asked] @ vectors.T
                cosines[np.arange(len(asked)), asked] = -2  # a photo is no hit of its own
                kept.append(measure(records, vectors, [records[place] for place in asked], vectors[asked], cosines))
    described = {"photos_per_item": photos_per_item, "size": size, "seeds": SEEDS, "families": 6, "items_per_family": 5}
    return described | {name: told(kept) for name, kept in outcomes.items()}


def grocery(folder: Path, extractor: Extractor, every: int, kept: Path | None) -> dict[str, Any]:
    """The near-identical packages of ``test``, looked up in all of ``train``."""
    train, test = (read_dataset(folder / f"{part}.txt") for part in ("train", "test"))
    asked = near_identical_packages(test)
    kinds = Counter(coarse for coarse, _ in {(one.metadata["coarse"], one.item) for one in asked})
    vectors = [embed(records, extractor, kept, part) for records, part in ((train, "train"), (asked, "packages"))]
    chosen = list(range(0, len(asked), every))
    queries = vectors[1][chosen]
    outcome = measure(train, vectors[0], [asked[place] for place in chosen], queries, queries @ vectors[0].T)
    several = {str(coarse): count for coarse, count in sorted(kinds.items(), key=str)}
    described = {"extractor": extractor.name, "fingerprint": extractor.fingerprint, "fine_classes": several}
    return described | {"every": every} | told([outcome])


def near_identical_packages(records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """Those photos of packages whose coarse class has several fine ones."""
    packages = [record for record in records if "/Packages/" in record.path]
    kinds = Counter(coarse for coarse, _ in {(one.metadata["coarse"], one.item) for one in packages})
    return [one for one in packages if kinds[one.metadata["coarse"]] > 1]


@dataclass
class Outcome:
    """What came of the queries, one entry each; times in milliseconds.

    Attributes:
        right: whether the first hit shows the right item, by system.
        found: whether any of the first hits does.
        times: of re-ranking with cached features, by system.
        describing: of one photo.
    """

    right: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in ("none", *RERANKERS)})
    found: list[bool] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in RERANKERS})
    describing: list[float] = field(default_factory=list)


def measure(
    records: Sequence[ImageRecord],
    vectors: NDArray[np.float32],
    asked: Sequence[ImageRecord],
    queries: NDArray[np.float32],
    cosines: NDArray[np.float32],
) -> Outcome:
    """Re-ranks the first hits of each query by every system."""
    gallery = Gallery(tuple(record.id for record in records), vectors)
    items = {record.id: record.item for record in records}
    outcome = Outcome()
    for place, query in enumerate(asked):
        top = np.argsort(-cosines[place], kind="stable")[:DEPTH]
        result = SearchResult(query.id, tuple(records[hit].id for hit in top), cosines[place][top])
        photos = Photos(records, [query])
        ranked = RankedQueries((result,), queries[place][None], gallery, photos)
        outcome.right["none"].append(items[result.ids[0]] == query.item)
        outcome.found.append(query.item in {items[id_] for id_ in result.ids})
        if len(outcome.describing) < TIMED:
            pixels = photos.query(0).read()
            outcome.describing.append(milliseconds(partial(view_of, pixels, SiftMatcher()))[0])
        for name, reranker in RERANKERS.items():
            for one in (photos.query(0), *map(photos.hit, result.ids)):
                reranker.view(one)
            taken, reranked = milliseconds(partial(reranker, ranked))
            outcome.times[name].append(taken)
            outcome.right[name].append(items[reranked.results[0].ids[0]] == query.item)
    return outcome


def milliseconds(call: Callable[[], T]) -> tuple[float, T]:
    """Processor time of a call, and its answer."""
    started = time.process_time()
    answer = call()
    return (time.process_time() - started) * 1000, answer


def told(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Figures of all queries together."""
    right = {name: np.concatenate([one.right[name] for one in outcomes]) for name in ("none", *RERANKERS)}
    before = right["none"]
    systems = {}
    for name, after in right.items():
        interval = wilson_interval(int(after.sum()), len(after))
        systems[name] = {"recall_at_1": round(float(after.mean()), 4), "ci95": [round(end, 4) for end in interval]}
        if name != "none":
            gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
            p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
            times = [taken for one in outcomes for taken in one.times[name]]
            systems[name] |= {"gained": gained, "lost": lost, "mcnemar_p": float(f"{p:.3g}"), "query": summary(times)}
    found = [seen for one in outcomes for seen in one.found]
    describing = summary([taken for one in outcomes for taken in one.describing])
    return {
        "queries": len(before),
        "right_item_among_20": round(float(np.mean(found)), 4),
        "describe": describing,
        "systems": systems,
    }


def picture(record: ImageRecord) -> Picture:
    """A photo on disk."""
    data = Path(record.path).read_bytes()
    return Picture(record.id, content_hash(data), lambda: read_image(data))


if __name__ == "__main__":
    main()
