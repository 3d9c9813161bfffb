"""``nearid duplicates``: groups of near-identical photos."""

from __future__ import annotations

from typing import Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, progress_bar
from util.cli.opening import Choices, extraction_for_indexing, opened_store, passing_store
from util.cli.reading import read_datasets


def duplicates(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Folders, photos or lists.")],
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=-1.0, max=1.0, help="Similarity that links two photos. [default: the extractor's]"
        ),
    ] = None,
    extractor: Annotated[str, typer.Option("--extractor", "-e", help="Extractor; see `nearid extractors`.")] = "phash",
    recipe: options.RecipeText = None,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="Keep the embeddings there, so that the next run is quick."),
    ] = None,
    space: options.Space = None,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Group photos that are nearly the same picture: copies, other sizes, small edits."""
    from util.search.duplicates import find_duplicates
    from util.search.indexing import index_images

    choices = Choices(store, space, extractor, recipe, device, batch_size, workers)
    records = read_datasets(paths, item_from="none")
    with opened_store(store) if store is not None else passing_store() as opened:
        extraction = extraction_for_indexing(choices, opened)
        with progress_bar("reading") as progress:
            report = index_images(records, extraction=extraction, store=opened, space=space, progress=progress)
        with progress_bar("comparing") as progress:
            groups = find_duplicates(
                store=opened,
                space=report.space,
                threshold=extraction.extractor.duplicate_score if threshold is None else threshold,
                ids={record.id for record in records},
                progress=progress,
            )
    if as_json:
        print_json(
            {
                "groups": [[{"path": one.path, "score": round(one.score, 6)} for one in group] for group in groups],
                "failed": failures_as_json(report.failed),
            }
        )
    else:
        for number, group in enumerate(groups, start=1):
            print(f"group {number}")
            for one in group:
                print(f"  {one.score:.4f}  {one.path}")
        copies = sum(len(group) - 1 for group in groups)
        print(f"{len(groups)} groups; {copies} of {len(records)} photos have a near-identical one before them")
    leave_if_failed(report.failed, quiet=as_json)
