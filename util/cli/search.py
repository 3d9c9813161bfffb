"""``nearid search``: the most similar images."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, print_table, progress_bar
from util.cli.explaining import draw_hits, explaining_step
from util.cli.opening import Choices, choose_space, chosen_reranking, extraction_for_space, opened_store
from util.cli.rendering import results_as_json

if TYPE_CHECKING:
    from util.search.similar import Found

_SHOWN_PROBLEMS = 5


def search(
    queries: Annotated[list[str], typer.Argument(metavar="QUERY", help="Photos to ask about.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Hits a query.")] = 10,
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", min=-1.0, max=1.0, help="Leave out hits below this similarity."),
    ] = None,
    rerank: options.Rerank = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain", file_okay=False, help="With --rerank sift: draw what each query matches into this folder."
        ),
    ] = None,
    explain_hits: Annotated[
        int, typer.Option("--explain-hits", min=1, help="How many hits of each query --explain draws.")
    ] = 1,
    where: options.Where = None,
    extractor: options.ExtractorName = None,
    store: options.Store = None,
    space: options.Space = None,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Show the indexed images that are most similar to each query, with their similarity (a cosine in [-1, 1]).

    With --rerank the scores are those of the re-ranker, which compare within one query only.
    """
    from util.search.reranking import StoredPhotos
    from util.search.similar import find_similar
    from util.vector_store.filters import parse_where

    choices = Choices(store, space, extractor, None, device, batch_size, workers)
    conditions = parse_where(where or [])
    reranking = chosen_reranking(rerank, device=device)
    step = explaining_step(reranking) if explain is not None else None
    with opened_store(store) as opened:
        chosen = choose_space(choices, opened)
        extraction = extraction_for_space(choices, opened, chosen)
        with progress_bar("searching") as progress:
            found = find_similar(
                queries,
                extraction=extraction,
                store=opened,
                space=chosen,
                k=k,
                where=conditions or None,
                min_score=min_score,
                reranking=reranking,
                progress=progress,
            )
        pictures: tuple[Mapping[str, str], ...] = ()
        if explain is not None and step is not None:
            photos = StoredPhotos([result.query for result in found.results], extraction, opened, chosen)
            pictures = draw_hits(found, photos, step=step, folder=explain, first=explain_hits)
    if as_json:
        print_json(
            {
                "space": chosen,
                "results": results_as_json(found, pictures),
                "failed": failures_as_json(found.failed),
            }
        )
    else:
        _print(found, pictures)
    leave_if_failed(found.failed, quiet=as_json)


def _print(found: Found, pictures: Sequence[Mapping[str, str]]) -> None:
    for result, drawn in zip(found.results, pictures or ({},) * len(found.results), strict=True):
        rows = [(f"{hit.score:.4f}", hit.item or "–", hit.id) for hit in result]
        print_table(("score", "item", "image"), rows, title=result.query)
        for picture in drawn.values():
            print(f"picture: {picture}")
        print("" if rows else "nothing found\n", end="\n" if rows else "")
    _print_problems(found)


def _print_problems(found: Found) -> None:
    """What a re-ranker could not look at: without saying it, its scores would pass for what they are not."""
    problems = {problem for seen in found.evidence for evidence in seen.values() for problem in evidence.problems}
    for problem in sorted(problems)[:_SHOWN_PROBLEMS]:
        print(f"not looked at: {problem}", file=sys.stderr)
    if len(problems) > _SHOWN_PROBLEMS:
        print(f"… and {len(problems) - _SHOWN_PROBLEMS} more (all of them with --json)", file=sys.stderr)
