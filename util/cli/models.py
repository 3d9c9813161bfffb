"""``nearid models``: cards, prior systems' weights, and ONNX."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import print_json, print_table
from util.cli.opening import limits
from util.cli.reading import read_datasets
from util.errors import ExtractorUnavailableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

app = typer.Typer(
    help="Show model cards, import weights of prior systems, export to ONNX.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_CHECKED = 16
"""Photos of ``--check`` that are compared; further ones would say the same."""


@app.command("card")
def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A trained or imported extractor.")],
    as_json: options.Json = False,
) -> None:
    """Show the card of a model: what it is, what it was trained on, and what it reached."""
    from config.settings import load_settings
    from util.networks.card import read_card

    path = load_settings().models_dir / f"{name}.json"
    if not path.is_file():
        raise ExtractorUnavailableError(
            f"there is no card {path}: trained and imported models have one (nearid extractors lists what there is)"
        )
    shown = read_card(path).model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json(shown)
    else:
        print_table(
            ("property", "value"), [(key, _as_text(value)) for key, value in shown.items() if value not in ("", {})]
        )


@app.command("import")
def import_model(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth, .pt or .safetensors state dict.")],
    network: Annotated[str, typer.Option("--network", help="The network it is for; see `nearid train --help`.")],
    name: Annotated[str, typer.Option("--name", help="Of the extractor that it becomes.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Preprocessing. [default: what the weights were trained with]")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option("--dimension", min=1, help="Length of the embedding. [default: the file's]")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make weights that a prior system trained an extractor: weights and card. No code in the file is run."""
    from config.settings import load_settings
    from util.training.importing import import_weights

    models_dir = load_settings().models_dir
    weights, report = import_weights(
        source, network=network, name=name, recipe=recipe, dimension=dimension, models_dir=models_dir
    )
    if as_json:
        print_json(
            {
                "checkpoint": str(weights),
                "card": str(weights.with_suffix(".json")),
                "origin": report.origin,
                "taken": list(report.taken),
                "left_out": dict(report.left_out),
                "missing": list(report.missing),
            }
        )
        return
    print(report.summary)
    if report.missing:
        print(
            f"note: {', '.join(report.missing)} are random: train the network before it is relied on", file=sys.stderr
        )
    print(f"extractor: {name}  ({weights}, card {weights.with_suffix('.json').name})")


@app.command("onnx")
def onnx(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An extractor with a network.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, such as bottles.onnx.")],
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="PATH", help="Photos to compare ONNX and torch on. [default: rendered ones]"),
    ] = None,
    recipe: options.RecipeText = None,
    as_json: options.Json = False,
) -> None:
    """Write an extractor as an ONNX model: uint8 images as the recipe leaves them in, unit embeddings out.

    The file is written only if onnxruntime answers on the photos as torch does.
    """
    from config.settings import load_settings
    from util.training.onnx_export import export_onnx

    photos = None if check is None else _photos(check)
    report = export_onnx(name, out, models_dir=load_settings().models_dir, recipe=recipe, photos=photos)
    if as_json:
        shown = {"path": str(report.path), "largest_difference": report.largest_difference, "images": report.images}
        print_json(shown | {"bytes": report.path.stat().st_size})
    else:
        print(f"{report.path}: {report.path.stat().st_size / 1e6:.1f} MB")
        print(f"differs from torch by at most {report.largest_difference:.1g} in cosine ({report.images} photos)")


def _photos(path: str) -> list[NDArray[np.uint8]]:
    """Photos from everywhere below a path, at most ``_CHECKED``."""
    from config.settings import load_settings
    from util.images import read_image

    records = read_datasets([path], item_from="none")
    step = -(-len(records) // _CHECKED)
    return [read_image(record.path, limits=limits(load_settings())) for record in records[::step]]


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_as_text(inner)}" for key, inner in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
