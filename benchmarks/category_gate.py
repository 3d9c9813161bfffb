"""The category gate on the Grocery set: predicted categories, and given ones as a bound.

    python benchmarks/category_gate.py [--grocery FOLDER] [--extractors grocery,color_texture] [--out FILE.json]

``train`` is the gallery, the field is ``coarse`` (43 classes such as *Milk* and *Apple*), and every system orders the
same first 100 hits of an exact search, as in ``benchmarks/reranking.py``, whose measures, intervals and times these
are. Options are those of highest mAP on ``val``, figures are those of ``test``. *Predicted* votes by the hits: by the
default options, by the best, and after k-reciprocal re-ranking. *Oracle* reads the true category of each query from
its label: what a gate whose category is always right would reach, and what a user who names the category gets.
``category_right`` is the share of queries whose likeliest category is the true one; without a gate, the first hit's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _embeddings import embed
from _provenance import provenance
from reranking import DEPTH, RESULTS, Part, compared, gallery_of, mean_ap, print_table, search, written

from util.datasets import read_dataset
from util.evaluation.intervals import wilson_interval
from util.image_extract import load
from util.image_extract.base import Extractor
from util.rerank import build_reranker

FIELD = "coarse"
PENALTIES = (0.05, 0.1, 0.2, 0.5, 1.0)
VOTES: Mapping[str, Sequence[float]] = {"n": (5, 20, 100), "temperature": (0.02, 0.05, 0.1), "penalty": PENALTIES}
BEFORE = ("k_reciprocal:k1=20,k2=6,lam=0.1", "k_reciprocal:k1=20,k2=6,lam=0.3")


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grocery", type=Path, default=Path("../shared/data/grocery"))
    parser.add_argument("--extractors", default="grocery,color_texture")
    parser.add_argument("--embeddings", type=Path, help="folder to keep embeddings in")
    parser.add_argument("--out", type=Path, default=RESULTS / "category_gate.json")
    arguments = parser.parse_args()
    systems = {}
    for name in arguments.extractors.split(","):
        systems[name] = measured(load(name), arguments.grocery, arguments.embeddings)
        print_table(name, systems[name])
    result = {"provenance": provenance("numpy", "scipy", "torch"), "field": FIELD, "systems": systems}
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def measured(extractor: Extractor, folder: Path, kept: Path | None) -> dict[str, Any]:
    """All gates on the embeddings of one extractor."""
    records = {part: read_dataset(folder / f"{part}.txt") for part in ("train", "val", "test")}
    vectors = {part: embed(found, extractor, kept, part) for part, found in records.items()}
    gallery = gallery_of(records["train"], vectors["train"], extractor)
    val, test = (search(records[part], vectors[part], gallery, records["train"]) for part in ("val", "test"))
    none = test.quality(test.queries)
    found = {key: round(float(values.mean()), 4) for key, values in none.items()}
    interval = [round(end, 4) for end in wilson_interval(int(none["top1"].sum()), len(none["top1"]))]
    rows = {
        text: {"val_map": map_on_val} | compared(test, build_reranker(text), none) | judged(test, text)
        for text, map_on_val in choose(val).items()
    }
    return {
        "fingerprint": extractor.fingerprint,
        "depth": DEPTH,
        "gallery": len(gallery),
        "queries": len(test.queries),
        "none": found
        | {"top1_ci95": interval, "val_map": round(float(val.quality(val.queries)["map"].mean()), 4)}
        | judged(test, f"category_gate:penalty=0,n=1,field={FIELD}"),
        "rerankers": rows,
    }


def choose(val: Part) -> dict[str, float]:
    """The gate as it is by default, and the best on ``val``: predicted, after another re-ranker, and the oracle's."""
    gates = list(written("category_gate", VOTES))
    predicted = best(val, [f"{gate},field={FIELD}" for gate in gates])
    options = predicted.partition(":")[2]
    alone = best(val, BEFORE)
    votes = options.partition(",penalty")[0]
    chains = [f"{alone}+category_gate:{votes},penalty={penalty},field={FIELD}" for penalty in PENALTIES]
    bounds = [f"category_gate:penalty={penalty},field={FIELD},oracle=True" for penalty in (*PENALTIES, 2.0)]
    texts = (f"category_gate:field={FIELD}", predicted, alone, best(val, chains), best(val, bounds))
    return {text: mean_ap(val, text) for text in texts}


def best(val: Part, texts: Sequence[str]) -> str:
    """The re-ranker of highest mAP."""
    return max(texts, key=lambda text: mean_ap(val, text))


def judged(test: Part, text: str) -> dict[str, float]:
    """How often the likeliest category is the true one, for a gate that predicts it."""
    if "category_gate" not in text or "oracle" in text:
        return {}
    answered = build_reranker(text)(test.queries)
    right = [
        seen[result.ids[0]].to_json()["category_gate"]["likeliest"] == known[FIELD]
        for result, seen, known in zip(answered.results, answered.evidence, test.queries.query_metadata, strict=True)
    ]
    return {"category_right": round(sum(right) / len(right), 4)}


if __name__ == "__main__":
    main()
