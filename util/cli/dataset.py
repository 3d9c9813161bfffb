"""``nearid dataset``: make, split and fetch data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, progress_bar
from util.cli.opening import limits
from util.cli.reading import read_datasets
from util.errors import InvalidInputError

if TYPE_CHECKING:
    from util.records import ImageRecord

app = typer.Typer(help="Make, split and fetch data sets.", no_args_is_help=True, rich_markup_mode=None)


@app.command("synthesize")
def synthesize(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to fill.")],
    families: Annotated[int, typer.Option(min=1, help="Families of items that differ in small things only.")] = 6,
    items: Annotated[int, typer.Option(min=1, help="Items a family.")] = 5,
    photos: Annotated[int, typer.Option(min=1, help="Photos an item.")] = 8,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Height and width of the photos, pixels.")] = 256,
    severity: Annotated[float, typer.Option(min=0.0, max=1.0, help="How hard the photos are.")] = 0.5,
    masks: Annotated[bool, typer.Option("--masks", help="Also write cut-outs (RGBA) as ground truth.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other items and photos.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Render photos of nearly identical bottles, cartons and boxes, with ground truth."""
    from util.datasets import synthesize as render

    with progress_bar("rendering") as progress:
        records = render(
            directory,
            families=families,
            items_per_family=items,
            photos_per_item=photos,
            size=size,
            severity=severity,
            masks=masks,
            seed=seed,
            progress=progress,
        )
    shown = len({record.item for record in records})
    if as_json:
        print_json({"directory": str(directory), "photos": len(records), "items": shown, "families": families})
    else:
        print(f"{len(records)} photos of {shown} items in {families} families: {directory}")


@app.command("split")
def split(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Folder or list.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the lists, one a part.")],
    parts: Annotated[str, typer.Option("--parts", help="Names and shares.")] = "train=0.8,test=0.2",
    by: Annotated[
        str, typer.Option("--by", help="photo: every item in every part; item: no item in two parts.")
    ] = "photo",
    new_items: Annotated[
        float, typer.Option("--new-items", min=0.0, max=0.9, help="Share of items to keep for the last part alone.")
    ] = 0.0,
    list_format: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv",
    item_from: options.ItemFrom = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Split a data set into lists, reproducibly. Copies of one file never end up in two parts."""
    from util.datasets import write_csv, write_meta

    write = {"csv": write_csv, "json": write_meta}.get(list_format)
    if write is None:
        raise InvalidInputError(f"--format is csv or json, not {list_format!r}")
    records = read_datasets([source], item_from=item_from)
    made = _split(records, _shares(parts), by=by, new_items=new_items, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for part, members in made.items():
        path = out / f"{part}.{list_format}"
        write(members, path)
        written[part] = {"list": str(path), "photos": len(members), "items": len({one.item for one in members})}
    if as_json:
        print_json({"parts": written})
    else:
        for part, counts in written.items():
            print(f"{part}: {counts['photos']} photos of {counts['items']} items in {counts['list']}")


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="grocery, flowers102, cifar10.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to unpack into.")],
    as_json: options.Json = False,
) -> None:
    """Download a public data set, check it and unpack it; a broken download goes on where it stopped."""
    from util.datasets import fetch as download

    with progress_bar(f"fetching {name}") as progress:
        folder = download(name, directory, progress=progress)
    if as_json:
        print_json({"name": name, "directory": str(folder)})
    else:
        print(f"{name} is in {folder}")


@app.command("disturb")
def disturb(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Folder or list of labelled photos.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the test set.")],
    kinds: Annotated[
        str,
        typer.Option(
            "--disturb", help="light, temperature, blur, motion, crop, rotation, jpeg, noise, occlusion; or all."
        ),
    ] = "all",
    strengths: Annotated[str, typer.Option("--strengths", help="How strong, each above 0 and up to 1.")] = "0.2,0.5,1",
    image_format: Annotated[str, typer.Option("--format", help="jpg, or png (exact, larger).")] = "jpg",
    item_from: options.ItemFrom = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other directions, places and noise.")] = 0,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Threads. [default: NEARID_WORKERS]")] = None,
    as_json: options.Json = False,
) -> None:
    """Write a near-duplicate test set: every photo as it is, and under each disturbance at each strength.

    DST/meta.csv lists item, disturbance, strength and source; give it to `nearid evaluate --queries`.
    """
    from config.settings import load_settings
    from util.datasets.disturbances import DISTURBANCES
    from util.datasets.disturbed_set import write_disturbed
    from util.search.extraction import Failure

    settings = load_settings()
    records = read_datasets([source], item_from=item_from)
    with progress_bar("disturbing") as progress:
        made = write_disturbed(
            records,
            destination,
            kinds=list(DISTURBANCES) if kinds == "all" else [kind.strip() for kind in kinds.split(",")],
            strengths=_numbers(strengths),
            seed=seed,
            image_format=image_format,
            workers=workers or settings.workers,
            limits=limits(settings),
            progress=progress,
        )
    failures = [Failure(error.source, error.reason) for error in made.failed]
    if as_json:
        print_json({"written": len(made.records), "list": str(made.path), "failed": failures_as_json(failures)})
    else:
        print(f"{len(made.records)} photos listed in {made.path}")
    leave_if_failed(failures, quiet=as_json)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInputError(f"--strengths are numbers such as 0.2,0.5,1, not {text!r}") from None


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise InvalidInputError(f"--parts is written name=share,name=share, not {text!r}") from None
    return shares


def _split(
    records: list[ImageRecord], shares: dict[str, float], *, by: str, new_items: float, seed: int
) -> dict[str, list[ImageRecord]]:
    from util.datasets import hold_out_items, split_item_disjoint, split_stratified, with_content_hashes

    if by not in ("photo", "item"):
        raise InvalidInputError(f"--by is photo or item, not {by!r}")
    hashed = with_content_hashes(records)
    known, unknown = hold_out_items(hashed, new_items, seed=seed) if new_items else (hashed, [])
    divide = split_stratified if by == "photo" else split_item_disjoint
    made = divide(known, shares, seed=seed, group_by="sha256")
    made[list(made)[-1]] += unknown
    return {part: [_without_hash(record) for record in members] for part, members in made.items()}


def _without_hash(record: ImageRecord) -> ImageRecord:
    return replace(record, metadata={name: value for name, value in record.metadata.items() if name != "sha256"})
