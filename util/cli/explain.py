"""``nearid explain``: what matches, and what differs, between two photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import print_json, print_table
from util.cli.explaining import save_explanation, short_name

if TYPE_CHECKING:
    from util.rerank.local.evidence import MatchEvidence


def explain(
    query: Annotated[str, typer.Argument(metavar="A", help="One photo.")],
    candidate: Annotated[str, typer.Argument(metavar="B", help="Another; it is laid over the first.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", dir_okay=False, help="Draw matches and differences into this file (PNG, PDF, SVG)."),
    ] = None,
    matcher: Annotated[
        str,
        typer.Option("--matcher", help="sift, saha or loftr; the latter two need weights."),
    ] = "sift",
    weights_dir: Annotated[
        Path | None,
        typer.Option("--weights-dir", file_okay=False, help="Folder with these weights. [default: torch's cache]"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show which points of two photos match, and where the things they show differ."""
    from config.settings import load_settings
    from util.cli.opening import limits
    from util.images import read_image
    from util.rerank.local.explaining import explain as explained
    from util.rerank.local.loading import load_matcher

    settings = load_settings()
    photos = [read_image(path, limits=limits(settings), allow_urls=settings.allow_urls) for path in (query, candidate)]
    found = explained(*photos, matcher=load_matcher(matcher, weights_dir=weights_dir))
    picture = None if out is None else save_explanation(out, found, names=(short_name(query), short_name(candidate)))
    if as_json:
        print_json({"query": query, "candidate": candidate, "matcher": matcher, **found.to_json(), "picture": picture})
    else:
        _print(found.evidence, picture)


def _print(evidence: MatchEvidence, picture: str | None) -> None:
    print(evidence.words)
    rows = [
        (str(number), f"{region.score:.3f}", " ".join(f"{edge:.0f}" for edge in region.box))
        for number, region in enumerate(evidence.regions, start=1)
    ]
    if rows:
        print_table(("region", "score", "left top right bottom in A"), rows, title="differs most")
    if picture is not None:
        print(f"picture: {picture}")
