"""``nearid compare``: which system answers best, is the difference more than luck, and what does it cost?"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import leave_if_failed, print_json, print_table, progress_bar
from util.cli.opening import (
    Choices,
    chosen_reranking,
    extraction_for_writing,
    limits,
    opened_store,
    passing_store,
    refuse_unknown_extractor,
)
from util.cli.reading import read_datasets
from util.errors import InvalidInputError, ReRankerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from util.benchmark.comparing import System
    from util.evaluation.comparison import ComparedSystem, Comparison
    from util.records import ImageRecord
    from util.search.extraction import Extraction, Failure
    from util.search.reranking import ReRanking

_BETWEEN_RERANKERS = re.compile(r"[;,]\s*(?!\w+=)")  # a comma before key=value belongs to the options of one re-ranker


def compare(
    extractors: Annotated[
        str, typer.Option("--extractors", metavar="A,B,C", help="Extractors; the others are held against the first.")
    ],
    gallery: Annotated[str, typer.Option("--gallery", metavar="PATH", help="Labelled photos to search in.")],
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries", metavar="PATH", help="Labelled photos to ask about. [default with --disturb: the gallery's]"
        ),
    ] = None,
    recipes: Annotated[
        str | None,
        typer.Option("--recipes", metavar='"R1;R2"', help="Preprocessing in place of the extractors' own."),
    ] = None,
    rerank: Annotated[
        str,
        typer.Option("--rerank", metavar="R1,R2", help="Re-rankers, each beside the search as it is; chains by +."),
    ] = "none",
    indexes: Annotated[
        str,
        typer.Option(
            "--indexes",
            metavar='"I1;I2"',
            help="Search indexes by name or FAISS factory string, e.g. flat;hnsw;IVF256,PQ32.",
        ),
    ] = "Flat",
    disturb: Annotated[
        str | None,
        typer.Option("--disturb", metavar="D1,D2", help="Ask each query under these disturbances as well; or all."),
    ] = None,
    strengths: Annotated[
        str, typer.Option("--strengths", metavar="S1,S2", help="How strongly, each above 0 and at most 1.")
    ] = "0.2,0.5,1",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other disturbances.")] = 0,
    out: options.OutDirectory = None,
    item_from: options.ItemFrom = "auto",
    store: options.Store = None,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Ask several systems the same photos: accuracy, how sure the differences are, and what each system costs.

    Every extractor is asked with every recipe, index and re-ranker; what they share is computed once. A system that
    cannot be asked is listed, the others go on. --disturb asks the photos darkened, blurred, cropped … step by step.
    --out writes an HTML report. With --store the embeddings stay, and a run that was interrupted goes on from there.
    """
    from util.benchmark.comparing import compare_systems

    choices = Choices(store, None, None, None, device, batch_size, workers)
    systems = _systems(extractors, recipes, indexes, rerank)
    if queries is None and disturb is None:
        raise InvalidInputError("give the labelled photos to ask about: --queries PATH, or --disturb the gallery's")
    shown = read_datasets([gallery], item_from=item_from)
    asked = read_datasets([queries], item_from=item_from) if queries is not None else shown
    kept = opened_store(store) if store is not None else passing_store()
    with kept as opened, _disturbed(asked, disturb, strengths, seed=seed, out=out) as (shots, unread):
        with progress_bar("comparing") as progress:
            made = compare_systems(
                systems,
                shown,
                shots,
                store=opened,
                load_extraction=lambda name, recipe: _extraction(choices, name, recipe),
                load_reranking=partial(_reranking, choices),
                progress=progress,
            )
        report = _write(made, out)
    if as_json:
        print_json(made.to_json() | {"report": str(report) if report else None})
    else:
        _print(made)
        if report is not None:
            print(f"report: {report}")
    leave_if_failed([*unread, *_failures(made)], quiet=as_json)


def _systems(extractors: str, recipes: str | None, indexes: str, rerank: str) -> list[System]:
    """What is to be compared; what no program understands is said before any work is done.

    Raises:
        InvalidInputError: if a list is empty or something in it cannot be read.
    """
    from util.benchmark.comparing import combine
    from util.preprocess.recipe import Recipe

    names = _listed(extractors, ",", "--extractors names extractors, such as color_texture,phash")
    for name in names:
        refuse_unknown_extractor(name)
    wanted: list[str | None] = [None]
    if recipes is not None:
        wanted = list(_listed(recipes, ";", '--recipes holds recipes, such as "square,resize=224;crop,square"'))
        wanted = [str(Recipe.parse(recipe)) for recipe in wanted if recipe is not None]
    rerankers: list[str | None] = [None]
    for text in filter(None, (one.strip() for one in _BETWEEN_RERANKERS.split(rerank))):
        if text != "none":
            rerankers.append(text)
            with suppress(ReRankerUnavailableError):  # is listed in the end, as missing weights are
                chosen_reranking(text)
    factories = _listed(indexes, ";", '--indexes holds search indexes, such as "flat;hnsw;HNSW32"')
    return combine(names, recipes=wanted, indexes=factories, rerankers=rerankers)


def _listed(text: str, separator: str, meaning: str) -> list[str]:
    found = [one.strip() for one in text.split(separator) if one.strip()]
    if not found:
        raise InvalidInputError(f"{meaning}; got {text!r}")
    return found


def _extraction(choices: Choices, extractor: str, recipe: str | None) -> Extraction:
    return extraction_for_writing(replace(choices, extractor=extractor, recipe=recipe))


def _reranking(choices: Choices, text: str) -> ReRanking:
    made = chosen_reranking(text, device=choices.device)
    if made is None:
        raise InvalidInputError("name a re-ranker")
    return made


@contextmanager
def _disturbed(
    queries: Sequence[ImageRecord], kinds: str | None, strengths: str, *, seed: int, out: Path | None
) -> Iterator[tuple[Sequence[ImageRecord], list[Failure]]]:
    """The queries, under each disturbance if any is wanted; their photos stay beside the report."""
    if kinds is None:
        yield queries, []
        return
    from config.settings import load_settings
    from util.datasets.disturbances import DISTURBANCES
    from util.datasets.disturbed_set import write_disturbed
    from util.search.extraction import Failure

    folder = tempfile.TemporaryDirectory(prefix="nearid-") if out is None else nullcontext(str(out / "disturbed"))
    with folder as directory, progress_bar("disturbing") as progress:
        made = write_disturbed(
            queries,
            directory,
            kinds=list(DISTURBANCES) if kinds == "all" else _listed(kinds, ",", "--disturb names disturbances"),
            strengths=_numbers(strengths),
            seed=seed,
            limits=limits(load_settings()),
            progress=progress,
        )
        yield made.records, [Failure(error.source, error.reason) for error in made.failed]


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in _listed(text, ",", "--strengths are numbers, such as 0.2,0.5,1")]
    except ValueError:
        raise InvalidInputError(f"--strengths are numbers, such as 0.2,0.5,1; got {text!r}") from None


def _write(made: Comparison, out: Path | None) -> Path | None:
    if out is None:
        return None
    from util.plots.comparison_report import write_comparison

    return write_comparison(made, out, command=shlex.join(["nearid", *sys.argv[1:]]))


def _failures(made: Comparison) -> list[Failure]:
    from util.search.extraction import Failure

    systems = [Failure(failed.name, failed.error, failed.code) for failed in made.failed_systems]
    return systems + [Failure(image.path, image.error) for image in made.left_out]


def _print(made: Comparison) -> None:
    columns = ("system", "top-1", "95 %", "mAP", "against the first", "p", "ms a query", "images/s", "bytes a vector")
    print_table(columns, [_row(system) for system in made.systems])


def _row(system: ComparedSystem) -> tuple[str, ...]:
    retrieval, cost, against = system.evaluation.retrieval, system.cost, system.against_first
    return (
        system.name,
        f"{retrieval.top1:.3f}",
        f"{retrieval.top1_ci95[0]:.3f}-{retrieval.top1_ci95[1]:.3f}",
        f"{retrieval.map:.3f}",
        f"{against.top1.difference:+.3f}" if against else "",
        f"{against.top1.p:.3f}" if against else "",
        f"{cost.answer.p50:.1f}",
        f"{cost.images_per_second:.0f}" if cost.images_per_second is not None else "-",
        str(cost.bytes_per_vector),
    )
