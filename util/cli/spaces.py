"""``nearid spaces``: look after a store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, print_table, progress_bar
from util.cli.opening import Choices, choose_space, extraction_for_space, opened_store
from util.cli.reading import read_datasets
from util.cli.reduce import reduce
from util.errors import InvalidInputError

if TYPE_CHECKING:
    from util.records import SpaceInfo
    from util.search.copying import CopyReport
    from util.search.extraction import Failure

app = typer.Typer(
    help="List, inspect, index, calibrate, copy, reduce and drop the spaces of a store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Name = Annotated[str, typer.Argument(metavar="SPACE", help="Name of the space.")]


@app.command("list")
def list_spaces(store: options.Store = None, as_json: options.Json = False) -> None:
    """List the spaces of a store."""
    with opened_store(store) as opened:
        spaces = opened.list_spaces()
    if as_json:
        print_json({"spaces": [_as_json(info) for info in spaces]})
    elif not spaces:
        print("the store is empty: index some photos first (nearid index PATH)")
    else:
        rows = [(info.name, str(info.count), info.extractor, str(info.dimension), info.index) for info in spaces]
        print_table(("space", "images", "extractor", "dimension", "index"), rows)


@app.command("info")
def info(space: _Name, store: options.Store = None, as_json: options.Json = False) -> None:
    """Show everything a space remembers."""
    with opened_store(store) as opened:
        shown = _as_json(opened.info(space))
    if as_json:
        print_json(shown)
    else:
        print_table(("property", "value"), [(name, str(value)) for name, value in shown.items()])


@app.command("drop")
def drop(
    space: _Name,
    store: options.Store = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Remove a space and all its embeddings (the photos stay where they are)."""
    with opened_store(store) as opened:
        count = opened.info(space).count
        if not yes and not as_json:
            typer.confirm(f"Drop space {space!r} with {count} images?", abort=True)
        opened.drop_space(space)
    if as_json:
        print_json({"dropped": space, "images": count})
    else:
        print(f"dropped {space!r} ({count} images)")


@app.command("index")
def index(
    space: _Name,
    search_index: Annotated[str, typer.Argument(metavar="INDEX", help=options.INDEX_HELP)],
    search_parameters: Annotated[
        str | None,
        typer.Option(
            "--search-parameters", metavar="TEXT", help="How hard to search, e.g. nprobe=64. [default: chosen by size]"
        ),
    ] = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Give a space another search index and build it now; the images stay as they are (embedded store).

    Few images, below about a thousand, are searched exactly whatever the index.
    """
    started = time.perf_counter()
    with opened_store(store) as opened:
        now = opened.set_index(space, search_index, search_parameters=search_parameters)
        with progress_bar("building") as progress:
            progress(0, None)  # how far it is, the libraries do not say
            opened.refresh(space)
    seconds = round(time.perf_counter() - started, 3)
    if as_json:
        chosen = {"index": now.index, "search_parameters": search_parameters}
        print_json({"space": space, **chosen, "images": now.count, "seconds": seconds})
    else:
        print(f"{space}: {now.count} images, search index {now.index} ({seconds:.1f} s)")


@app.command("calibrate")
def calibrate(
    space: options.Space = None,
    false_accept_rate: Annotated[
        float, typer.Option("--far", help="Share of unknown items that may be taken for known ones.")
    ] = 0.01,
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries", metavar="PATH", help="Labelled photos to calibrate on. [default: the gallery itself]"
        ),
    ] = None,
    item_from: options.ItemFrom = "auto",
    store: options.Store = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Choose the score from which `identify` says known, for a stated false-accept rate, and store it."""
    from util.search.calibrating import calibrate_on_queries, calibrate_space

    if not 0 < false_accept_rate < 1:
        raise InvalidInputError(f"--far is a share between 0 and 1, not {false_accept_rate}")
    choices = Choices(store=store, space=space, device=device)
    with opened_store(store) as opened:
        chosen = choose_space(choices, opened)
        failures: list[Failure] = []
        if queries is None:
            made = calibrate_space(opened, chosen, false_accept_rate=false_accept_rate)
        else:
            made, failures = calibrate_on_queries(
                opened,
                chosen,
                read_datasets([queries], item_from=item_from),
                extraction=extraction_for_space(choices, opened, chosen),
                false_accept_rate=false_accept_rate,
            )
    if as_json:
        print_json({"space": chosen, "calibration": made.to_json(), "failed": failures_as_json(failures)})
    else:
        print(f"{chosen}: known from {made.threshold:.4f} on, unsure from {made.lower:.4f}")
    leave_if_failed(failures, quiet=as_json)


@app.command("copy")
def copy(
    space: _Name,
    target: Annotated[str, typer.Option("--to", metavar="URL", help="Store to copy into.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Store to copy from. [default: NEARID_STORE]")
    ] = None,
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Name of the copy. [default: SPACE]")] = None,
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Compare the two and write nothing.")] = False,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images read and written at once.")] = 1000,
    as_json: options.Json = False,
) -> None:
    """Copy a space with all it remembers into another store, then read it back and compare.

    Stores are embedded:PATH, vearch+http://USER:PASSWORD@HOST:9001/DB, qdrant+http://:APIKEY@HOST:6333 or
    qdrant+local:PATH. A copy that was broken off goes on where it stopped when it is started again.
    """
    from util.search.copying import copy_space, verify_copy

    step, title = (verify_copy, "comparing") if verify_only else (copy_space, "copying")
    with opened_store(source) as ours, opened_store(target) as theirs, progress_bar(title) as progress:
        done = step(ours, space, theirs, name=name, batch_size=batch_size, progress=progress)
        places = {"from": ours.url, "to": theirs.url}
    if as_json:
        print_json({"space": done.space, "as": done.target, **places, **_copied(done)})
    elif verify_only:
        print(f"{done.target!r} in {places['to']} is a copy of {done.space!r}: {done.images} images, all equal")
    else:
        print(
            f"copied {done.space!r} to {done.target!r} in {places['to']}: {done.images} images, "
            f"{done.written} written, {done.skipped} there before, all read back equal (checksum {done.checksum[:16]}…)"
        )


app.command("reduce")(reduce)


def _copied(done: CopyReport) -> dict[str, object]:
    return {
        "images": done.images,
        "written": done.written,
        "skipped": done.skipped,
        "checksum": done.checksum,
        "verified": True,
        "seconds": round(done.seconds, 3),
    }


def _as_json(info: SpaceInfo) -> dict[str, object]:
    from util.search.projection import without_numbers

    return {
        "name": info.name,
        "count": info.count,
        "extractor": info.extractor,
        "recipe": info.recipe,
        "dimension": info.dimension,
        "metric": info.metric,
        "index": info.index,
        "fingerprint": info.fingerprint,
        "attributes": without_numbers(info.attributes),
    }
