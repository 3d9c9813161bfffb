"""A second extractor looks at the first hits, alone and before re-rankers that look at the gallery, on the Grocery set.

    python benchmarks/second_look.py [--grocery FOLDER] [--extractor grocery] [--second color_texture] [--out FILE.json]

``train`` is the gallery, every system orders the same first 100 hits of an exact search, and measures, intervals and
times are those of ``benchmarks/reranking.py``. Two sets of options are chosen on ``val``: of ``second_look`` alone
those of highest top-1, since that is what it is for; of chains, in which ``diffusion`` or ``k_reciprocal`` starts from
the new order, those of highest mAP. Each is asked once on ``test``, beside the default options and the second part of
the best chain alone. *Packages* are the photos of near-identical packages, as in ``benchmarks/local_reranking.py``.

Times have the photos of hits seen before, as those of an index are after some queries; the query's own photo is new to
the second extractor in use, and takes ``look`` more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _embeddings import embed
from _provenance import provenance
from _timing import summary
from local_reranking import Photos, milliseconds, near_identical_packages
from numpy.typing import NDArray
from reranking import DEPTH, RESULTS, Part, compared, gallery_of, print_table, search

from util.datasets import read_dataset
from util.evaluation.intervals import bootstrap_interval, wilson_interval
from util.image_extract import load
from util.image_extract.base import Extractor
from util.images import read_image
from util.records import ImageRecord
from util.rerank import build_reranker
from util.rerank.base import Gallery, ReRanker

TOPS, WEIGHTS = (20, 50, 100), (0.8, 0.9, 0.92, 0.94, 0.96)
CHAIN_TOPS, CHAIN_WEIGHTS = (50, 100), (0.9, 0.92, 0.94, 0.96)
AFTER = (
    "diffusion:neighbours=30,start=3,truncation=300",
    "diffusion:neighbours=30,start=5,truncation=300",
    "k_reciprocal:k1=20,k2=6,lam=0.1",
)
LOOKED = 50


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=Path("../shared/data/grocery"))
    parser.add_argument("--extractor", default="grocery")
    parser.add_argument("--second", default="color_texture")
    parser.add_argument("--embeddings", type=Path, help="folder to keep embeddings in")
    parser.add_argument("--out", type=Path, default=RESULTS / "second_look.json")
    arguments = parser.parse_args()
    first, second = load(arguments.extractor), load(arguments.second)
    made = measured(first, second, arguments.grocery, arguments.embeddings)
    made["provenance"] = provenance("numpy", "scipy", "numba", "torch")
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(made, indent=2) + "\n")
    print_table(f"{first.name}, then {second.name}", made)
    print(json.dumps({"look": made["look"], "packages": made["packages"]}, indent=2))


def measured(first: Extractor, second: Extractor, folder: Path, kept: Path | None) -> dict[str, Any]:
    """The systems chosen on ``val``, on ``test``."""
    records = {part: read_dataset(folder / f"{part}.txt") for part in ("train", "val", "test")}
    vectors = {part: embed(found, first, kept, part) for part, found in records.items()}
    gallery = gallery_of(records["train"], vectors["train"], first)
    val, test = (
        seen(search(records[part], vectors[part], gallery, records["train"]), records["train"], records[part])
        for part in ("val", "test")
    )
    build = partial(reranker_of, second)
    chosen = choose(val, build, second.name)
    none = test.quality(test.queries)
    found = {key: round(float(values.mean()), 4) for key, values in none.items()}
    interval = [round(end, 4) for end in wilson_interval(int(none["top1"].sum()), len(none["top1"]))]
    return {
        "fingerprint": first.fingerprint,
        "second": {"extractor": second.name, "fingerprint": second.fingerprint},
        "depth": DEPTH,
        "gallery": len(gallery),
        "queries": len(test.queries),
        "look": summary([look(second, record) for record in records["test"][:LOOKED]]),
        "none": found | {"top1_ci95": interval, "val": quality_of(val)},
        "rerankers": {
            text: {"val": quality_of(val, build(text))} | compared(test, build(text), none) | learning(text, gallery)
            for text in chosen
        },
        "packages": packages(test, records["test"], [build(text) for text in chosen]),
    }


def seen(part: Part, shown: Sequence[ImageRecord], asked: Sequence[ImageRecord]) -> Part:
    """The same with photos to look at."""
    return Part(part.queries.replace(pictures=Photos(shown, asked)), part.relevant, part.items)


_MADE: dict[str, ReRanker] = {}


def reranker_of(second: Extractor, text: str) -> ReRanker:
    """The re-ranker of a text; all of one process share what was seen in photos."""
    if text not in _MADE:
        made = build_reranker(text, load_extractor=lambda name: second)
        cache = next(iter(_MADE.values())).cache if _MADE else made.cache
        _MADE[text] = made.with_cache(cache)
    return _MADE[text]


def choose(val: Part, build: Callable[[str], ReRanker], second: str) -> list[str]:
    """Default options, the best of ``second_look`` alone, what is best after it, and the best chain."""

    def looks(tops: Sequence[int], weights: Sequence[float]) -> Iterator[str]:
        return (f"second_look:extractor={second},top={top},weight={weight}" for top in tops for weight in weights)

    alone = max(looks(TOPS, WEIGHTS), key=lambda text: quality_of(val, build(text))["top1"])
    chains = [(look, after) for look in looks(CHAIN_TOPS, CHAIN_WEIGHTS) for after in AFTER]
    best, after = max(chains, key=lambda chain: quality_of(val, build("+".join(chain)))["map"])
    return [f"second_look:extractor={second}", alone, after, f"{best}+{after}"]


def quality_of(part: Part, reranker: ReRanker | None = None) -> dict[str, float]:
    """Mean top-1, recall@5 and average precision."""
    quality = part.quality(part.queries if reranker is None else reranker(part.queries))
    return {key: round(float(values.mean()), 4) for key, values in quality.items()}


def learning(text: str, gallery: Gallery) -> dict[str, float]:
    """Seconds that the gallery costs who has learned nothing yet."""
    return {"fit_s": round(milliseconds(lambda: build_reranker(text).fit(gallery))[0] / 1000, 2)}


def look(second: Extractor, record: ImageRecord) -> float:
    """Milliseconds to read a photo and embed it."""
    return milliseconds(lambda: second.extract([read_image(record.path)]))[0]


def packages(test: Part, asked: Sequence[ImageRecord], rerankers: Sequence[ReRanker]) -> dict[str, Any]:
    """Top-1 of the near-identical packages alone."""
    those = {record.id for record in near_identical_packages(asked)}
    among = np.array([record.id in those for record in asked])

    def right(reranker: ReRanker | None) -> NDArray[np.float64]:
        return test.quality(test.queries if reranker is None else reranker(test.queries))["top1"][among]

    none = right(None)
    rows: dict[str, Any] = {"none": {"top1": round(float(none.mean()), 4)}}
    for reranker in rerankers:
        found = right(reranker)
        rows[reranker.describe()] = {
            "top1": round(float(found.mean()), 4),
            "gain_ci95": [round(end, 4) for end in bootstrap_interval(found - none)],
        }
    return {"queries": int(among.sum()), "systems": rows}


if __name__ == "__main__":
    main()
