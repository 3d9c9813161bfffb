"""``nearid spaces reduce``: a space of shorter vectors."""

from __future__ import annotations

from typing import Annotated

import typer

from util.cli import options
from util.cli.console import print_json, progress_bar
from util.cli.opening import opened_store
from util.errors import InvalidInputError


def reduce(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="Name of the space.")],
    dimension: Annotated[int, typer.Option("--dimension", "-d", min=1, help="Length of the new vectors.")],
    whiten: Annotated[
        bool, typer.Option("--whiten", help="Also make all the directions that are left equally wide.")
    ] = False,
    power: Annotated[
        float | None,
        typer.Option("--power", metavar="P", help="How far to whiten, above 0 and at most 1. [default: 1]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Name of the new space. [default: SPACE-pca64]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a space that has the name.")] = False,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images read and written at once.")] = 1000,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Make a space of shorter vectors from one that is there, by principal components of its own vectors.

    The new space keeps the projection: search in it, identify by it and index more photos into it as in any other.
    SPACE stays as it is. A run that was broken off goes on when it is started again.
    """
    from util.search.reducing import Reduction, reduce_space

    if power is not None and not (whiten and power > 0):
        raise InvalidInputError("--power is how far to whiten, above 0: give it together with --whiten")
    wanted = Reduction(dimension, power=(1.0 if power is None else power) if whiten else 0.0)
    with opened_store(store) as opened, progress_bar("reducing") as progress:
        done = reduce_space(
            opened, space, wanted, name=name, overwrite=overwrite, batch_size=batch_size, progress=progress
        )
    if as_json:
        print_json(
            {
                "space": done.space,
                "target": done.target,
                "images": done.images,
                "written": done.written,
                "dimension": done.dimension,
                "power": wanted.power,
                "explained": done.explained,
                "bytes_per_vector": {"before": done.bytes_before, "after": done.bytes_after},
                "seconds": round(done.seconds, 3),
            }
        )
    else:
        print(
            f"reduced {done.space!r} to {done.target!r}: {done.images} images, {done.bytes_after} bytes a vector "
            f"instead of {done.bytes_before}, {done.explained:.1%} of the variance left"
        )
