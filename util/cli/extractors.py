"""``nearid extractors``: what can be loaded."""

from __future__ import annotations

from dataclasses import asdict

from util.cli import options
from util.cli.console import print_json, print_table


def extractors(as_json: options.Json = False) -> None:
    """List the extractors, their dimensions, and whether their weights are here or how to get them."""
    from config.settings import load_settings
    from util.image_extract import describe

    described = describe(load_settings().models_dir)
    if as_json:
        print_json({"extractors": [asdict(info) for info in described]})
        return
    rows = [(info.name, str(info.dimension or "–"), info.weights, info.recipe or "") for info in described]
    print_table(("extractor", "dimension", "weights", "recipe"), rows)
    for info in described:
        if info.weights == "missing" and info.where:
            print(f"{info.name}: {info.where}")
