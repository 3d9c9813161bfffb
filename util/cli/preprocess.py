"""``nearid preprocess``: write preprocessed copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, progress_bar
from util.cli.opening import limits
from util.cli.reading import read_datasets


def preprocess(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Folder, photo or list.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the copies.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help='Steps, e.g. "background=grabcut, crop=10, square, resize=224".')
    ],
    image_format: Annotated[str, typer.Option("--format", help="png (keeps transparency), jpg or webp.")] = "png",
    flatten: Annotated[bool, typer.Option("--flatten", help="Fill transparent parts as extractors see them.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write copies that are there already again.")] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Threads. [default: NEARID_WORKERS]"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write preprocessed copies of photos (cut-outs, exposure-corrected …) into a folder of the same layout."""
    from config.settings import load_settings
    from util.preprocess.recipe import Recipe
    from util.search.preprocessing import preprocess_images

    settings = load_settings()
    steps = Recipe.parse(recipe)
    records = read_datasets([source], item_from="none")
    with progress_bar("preprocessing") as progress:
        report = preprocess_images(
            records,
            destination,
            recipe=steps,
            image_format=image_format,
            flatten=flatten,
            overwrite=overwrite,
            workers=workers or settings.workers,
            limits=limits(settings),
            progress=progress,
        )
    if as_json:
        print_json({"written": report.written, "skipped": report.skipped, "failed": failures_as_json(report.failed)})
    else:
        print(f"{report.written} written to {destination}, {report.skipped} there already")
    leave_if_failed(report.failed, quiet=as_json)
