"""``nearid index``: photos into a space."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, progress_bar
from util.cli.opening import Choices, extraction_for_indexing, opened_store
from util.cli.reading import iter_datasets, no_photos

if TYPE_CHECKING:
    from util.search.indexing import IndexReport


def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Folders, photos or lists (.csv, .json, .txt).")],
    extractor: options.ExtractorName = None,
    recipe: options.RecipeText = None,
    store: options.Store = None,
    space: options.Space = None,
    item_from: options.ItemFrom = "auto",
    search_index: Annotated[
        str | None, typer.Option("--index", help=f"Search index of a new space: {options.INDEX_HELP} [default: flat]")
    ] = None,
    video_every: Annotated[
        float,
        typer.Option("--video-every", min=0.0, help="Index a frame of each video every so many seconds; 0: none."),
    ] = 0.0,
    prune: Annotated[bool, typer.Option("--prune", help="Also remove images whose files are gone.")] = False,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Index photos: decode, preprocess, extract, store. Only new or changed files are extracted again.

    An interrupted run goes on where it stopped when it is started again. Photos that cannot be read are listed and
    left out; the run then ends with status 3.
    """
    from util.search.indexing import index_images, remove_missing

    choices = Choices(store, space, extractor, recipe, device, batch_size, workers)
    total = sum(1 for _ in iter_datasets(paths, item_from=item_from, video_every=video_every))
    if not total:
        raise no_photos(paths)
    records = iter_datasets(paths, item_from=item_from, video_every=video_every)
    with opened_store(store) as opened:
        extraction = extraction_for_indexing(choices, opened)
        with progress_bar("indexing") as progress:
            report = index_images(
                records,
                extraction=extraction,
                store=opened,
                space=space,
                index=search_index or "Flat",
                total=total,
                progress=progress,
            )
        if prune:
            report.removed = remove_missing(opened, report.space, [Path(path) for path in paths])
    if as_json:
        print_json(_as_json(report))
    else:
        print(_as_text(report))
    if search_index not in (None, report.index):
        again = f"nearid spaces index {shlex.quote(report.space)} {shlex.quote(search_index)}"
        print(f"the space was there and keeps its search index {report.index}: `{again}` changes it", file=sys.stderr)
    leave_if_failed(report.failed, quiet=as_json)


def _as_json(report: IndexReport) -> dict[str, object]:
    return {
        "space": report.space,
        "extractor": report.extractor,
        "index": report.index,
        "indexed": report.indexed,
        "skipped": report.skipped,
        "relabelled": report.relabelled,
        "reused": report.reused,
        "removed": report.removed,
        "failed": failures_as_json(report.failed),
        "seconds": round(report.seconds, 3),
        "images_per_second": round(report.images_per_second, 2),
    }


def _as_text(report: IndexReport) -> str:
    said = [f"{report.indexed} indexed", f"{report.skipped} already there"]
    said += [f"{report.relabelled} relabelled"] * bool(report.relabelled)
    said += [f"{report.removed} removed"] * bool(report.removed)
    said += [f"{len(report.failed)} left out"] * bool(report.failed)
    return (
        f"{', '.join(said)} in space {report.space!r} ({report.extractor})\n"
        f"{report.seconds:.1f} s, {report.images_per_second:.0f} images a second"
    )
