"""Vectors of fewer numbers on the Grocery set: what they cost in accuracy, save in time and room.

    python benchmarks/reduction.py [--grocery FOLDER] [--extractors grocery,color_texture] [--out FILE.json]

``train`` is the gallery that the projections are fitted to, ``test`` asks. Differences to the vectors as they were are
paired, query by query: McNemar's test for top-1, a bootstrap for mAP. Search times are of exact searches in an embedded
store, one query at a time and the dimensions in turns: in the gallery, and in as many random vectors as --scale says.
Then, what a projection in the attributes of a space costs each search, since stores read these each time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _embeddings import embed
from _provenance import provenance
from _timing import turn_by_turn
from numpy.typing import NDArray

from util.datasets import read_dataset
from util.evaluation.intervals import wilson_interval
from util.evaluation.ranking import rank_gallery
from util.evaluation.relevance import RankedRelevance
from util.evaluation.retrieval import average_precision, found_within
from util.evaluation.significance import compare_means, compare_shares
from util.image_extract import load
from util.image_extract.base import Extractor
from util.records import ImageRecord, SpaceInfo, unit_rows
from util.search.indexing import space_for
from util.search.projection import PROJECTION, Projection, projection_of
from util.search.reducing import Reduction, reduce_space
from util.vector_store import open_store
from util.vector_store.base import VectorStore

RESULTS = Path(__file__).parent / "results"
DIMENSIONS = (128, 64, 32)
POWERS = (0.0, 0.5, 1.0)
SHAPES = ((256, 64), (1664, 64), (2048, 256))
REPEATS = 60

PerQuery = Mapping[str, NDArray[np.float64]]


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=Path("../shared/data/grocery"))
    parser.add_argument("--extractors", default="grocery,color_texture")
    parser.add_argument("--scale", type=int, default=100_000)
    parser.add_argument("--embeddings", type=Path, help="folder to keep embeddings in")
    parser.add_argument("--out", type=Path, default=RESULTS / "reduction.json")
    arguments = parser.parse_args()
    records = {part: read_dataset(arguments.grocery / f"{part}.txt") for part in ("train", "test")}
    result: dict[str, Any] = {"systems": {}}
    for name in arguments.extractors.split(","):
        extractor = load(name)
        vectors = {part: embed(shown, extractor, arguments.embeddings, part) for part, shown in records.items()}
        result["systems"][name] = measured(extractor, records, vectors)
        print_table(name, result["systems"][name])
    result["scale"] = {"images": arguments.scale, "search": searched_at_scale(arguments.scale)}
    result["attributes"] = {f"{inputs} to {kept}": attribute_cost(inputs, kept) for inputs, kept in SHAPES}
    result["provenance"] = provenance("numpy", "torch", "faiss-cpu")
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: result[key] for key in ("scale", "attributes")}, indent=1))


def measured(
    extractor: Extractor, records: Mapping[str, Sequence[ImageRecord]], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[str, Any]:
    """Accuracy, time and room at every dimension, of one extractor."""
    with tempfile.TemporaryDirectory() as folder, open_store(f"embedded:{folder}/store.db") as store:
        space = store.create_space(space_for(extractor, "full"))
        fill(store, space, vectors["train"], [{"item": record.item} for record in records["train"]])
        spaces = [store.info("full")]
        fitted: dict[str, dict[str, float]] = {}
        for reduction in (Reduction(kept, power) for kept in DIMENSIONS for power in POWERS):
            name = f"{reduction.dimension}, power {reduction.power:g}"
            done = reduce_space(store, "full", reduction, name=name)
            fitted[name] = {"explained": round(done.explained, 4), "reduce_s": round(done.seconds, 2)}
            spaces.append(store.info(name))
        asked = {one.name: queries_of(one, vectors["test"]) for one in spaces}
        quality = {one.name: answered(store, one, asked[one.name], records) for one in spaces}
        timed = times(store, spaces, asked)
    full = quality["full"]
    rows = {
        one.name: {"dimension": one.dimension, "bytes": 4 * one.dimension}
        | fitted.get(one.name, {})
        | accuracy(quality[one.name])
        | ({} if one.name == "full" else against(full, quality[one.name]))
        | {"search": timed[one.name]}
        for one in spaces
    }
    return {"fingerprint": extractor.fingerprint, "gallery": len(vectors["train"]), "queries": len(vectors["test"])} | {
        "spaces": rows
    }


def fill(
    store: VectorStore, space: SpaceInfo, vectors: NDArray[np.float32], metadata: Sequence[Mapping[str, Any]]
) -> None:
    """Writes vectors, numbered."""
    for start in range(0, len(vectors), 5000):
        rows, about = vectors[start : start + 5000], metadata[start : start + 5000]
        ids = [f"{start + number:07}" for number in range(len(rows))]
        store.upsert(space.name, ids, rows, about, fingerprint=space.fingerprint)
    store.refresh(space.name)


def queries_of(space: SpaceInfo, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a space is asked with."""
    return projection_of(space).apply(vectors) if PROJECTION in space.attributes else vectors


def answered(
    store: VectorStore,
    space: SpaceInfo,
    asked: NDArray[np.float32],
    records: Mapping[str, Sequence[ImageRecord]],
) -> PerQuery:
    """Top-1 and average precision of each query, over the whole ranking."""
    results = store.search(space.name, asked, space.count, fingerprint=space.fingerprint, with_metadata=False)
    items = {f"{number:07}": record.item for number, record in enumerate(records["train"])}
    ranking = rank_gallery(results, [record.item for record in records["test"]], items)
    relevance = RankedRelevance.from_ranking(ranking)
    return {"top1": np.asarray(found_within(relevance, 1), float), "map": np.asarray(average_precision(relevance))}


def accuracy(quality: PerQuery) -> dict[str, Any]:
    """Means over the queries."""
    right = int(quality["top1"].sum())
    interval = [round(end, 4) for end in wilson_interval(right, len(quality["top1"]))]
    return {key: round(float(values.mean()), 4) for key, values in quality.items()} | {"top1_ci95": interval}


def against(full: PerQuery, reduced: PerQuery) -> dict[str, Any]:
    """What the projection changed."""
    return {
        "top1_gain": compare_shares(full["top1"], reduced["top1"]).to_json(),
        "map_gain": compare_means(full["map"], reduced["map"]).to_json(),
    }


def times(store: VectorStore, spaces: Sequence[SpaceInfo], asked: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """One query at a time, the spaces in turns."""

    def search(space: SpaceInfo, number: int) -> None:
        place = number % len(asked[space.name])
        store.search(space.name, asked[space.name][place : place + 1], 10, fingerprint=space.fingerprint)

    calls = {space.name: (lambda number, space=space: search(space, number)) for space in spaces}
    return dict(turn_by_turn(calls, repeats=REPEATS))


def searched_at_scale(images: int) -> dict[str, Any]:
    """Exact searches among random vectors, whose number and length alone matter."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, open_store(f"embedded:{folder}/store.db") as store:
        spaces = []
        for dimension in (512, *DIMENSIONS):
            space = store.create_space(SpaceInfo(f"{dimension}", "color_texture", dimension, "f" * 64))
            vectors = random.standard_normal((images, dimension), dtype=np.float32)
            fill(store, space, unit_rows(vectors), [{}] * images)
            spaces.append(space)
        asked = {one.name: unit_rows(random.standard_normal((REPEATS, one.dimension))) for one in spaces}
        return times(store, spaces, asked)


def attribute_cost(inputs: int, kept: int) -> dict[str, Any]:
    """How much longer ``info`` and a search of 1,000 images take where the space keeps a projection."""
    random = np.random.default_rng(0)
    projection = Projection(random.normal(size=inputs), random.normal(size=(kept, inputs)))
    vectors = unit_rows(random.normal(size=(1000, kept)))
    made: dict[str, Any] = {"json_bytes": len(json.dumps(projection.to_json()))}
    with tempfile.TemporaryDirectory() as folder, open_store(f"embedded:{folder}/store.db") as store:
        attributes = {"plain": {}, "reduced": {PROJECTION: projection.to_json()}}
        for name, keeps in attributes.items():
            space = store.create_space(SpaceInfo(name, "color_texture", kept, "f" * 64, attributes=keeps))
            fill(store, space, vectors, [{}] * len(vectors))
        calls = {}
        for name in attributes:
            calls[f"info, {name}"] = lambda _, name=name: store.info(name)
            calls[f"search, {name}"] = lambda number, name=name: store.search(
                name, vectors[number : number + 1], 10, fingerprint="f" * 64
            )
        calls["projection of info, again"] = lambda _: projection_of(store.info("reduced"))
        made["times"] = dict(turn_by_turn(calls, repeats=REPEATS))
    return made


def print_table(name: str, made: Mapping[str, Any]) -> None:
    """The table in Markdown."""
    print(f"\n`{name}`: {made['queries']} queries, {made['gallery']} images\n")
    print("| vectors | variance left | bytes | top-1 | change (95 %) | mAP | change (95 %) | one query |")
    print("|---|---|---|---|---|---|---|---|")
    for space, row in made["spaces"].items():
        gains = [
            f"{row[key]['difference']:+.3f} ({row[key]['ci95'][0]:+.3f} to {row[key]['ci95'][1]:+.3f})"
            if key in row
            else ""
            for key in ("top1_gain", "map_gain")
        ]
        left = f"{row['explained']:.3f}" if "explained" in row else ""
        print(
            f"| {row['dimension'] if space == 'full' else space} | {left} | {row['bytes']} | {row['top1']:.3f} "
            f"| {gains[0]} | {row['map']:.3f} | {gains[1]} | {row['search']['median_ms']:.2f} ms |"
        )


if __name__ == "__main__":
    main()
