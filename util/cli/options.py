"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

INDEX_HELP = (
    "flat, ivf, ivfpq, pq, hnsw, hnswpq, lsh, annoy or auto, with options as in hnsw:m=32,ef=128, or a FAISS factory "
    "string such as IVF1024,PQ32; see docs/search_methods.md."
)

Store: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Store, e.g. embedded:data/nearid.db or qdrant+http://HOST:6333. [default: NEARID_STORE]",
    ),
]
Space: TypeAlias = Annotated[
    str | None,
    typer.Option("--space", help="Space in the store. [default: the extractor's, or the only one there is]"),
]
ExtractorName: TypeAlias = Annotated[
    str | None,
    typer.Option("--extractor", "-e", help="Extractor; see `nearid extractors`. [default: NEARID_EXTRACTOR]"),
]
RecipeText: TypeAlias = Annotated[
    str | None,
    typer.Option("--recipe", help='Preprocessing in place of the extractor\'s own, e.g. "background=grabcut,crop=10".'),
]
Device: TypeAlias = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps. [default: NEARID_DEVICE]"),
]
BatchSize: TypeAlias = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Images a forward pass. [default: the extractor's own]"),
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Threads that decode and preprocess. [default: NEARID_WORKERS]"),
]
ItemFrom: TypeAlias = Annotated[
    str,
    typer.Option("--item-from", help="Where item names come from: auto, folder, csv, meta, grocery, none."),
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="FIELD=VALUE", help="Filter: field=value, field=a,b or field>=3; repeatable."),
]
Rerank: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="R",
        help="Re-ranker, or a chain of them, e.g. alpha_qe:n=5 or alpha_qe+diffusion; see docs/reranking.md.",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
OutDirectory: TypeAlias = Annotated[
    Path | None,
    typer.Option("--out", file_okay=False, help="Folder for the report."),
]
