"""``nearid evaluate``: how good are the answers?"""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from util.cli import options
from util.cli.console import leave_if_failed, print_json, print_table, progress_bar
from util.cli.opening import (
    Choices,
    choose_space,
    chosen_reranking,
    extraction_for_indexing,
    extraction_for_space,
    opened_store,
    passing_store,
)
from util.cli.protocols import ProtocolFiles, list_protocols, measure_protocol
from util.cli.reading import read_datasets
from util.errors import InvalidInputError

if TYPE_CHECKING:
    from util.evaluation.report import Evaluation


def evaluate(
    queries: Annotated[
        str | None, typer.Option("--queries", metavar="PATH", help="Labelled photos to ask about.")
    ] = None,
    gallery: Annotated[
        str | None,
        typer.Option("--gallery", metavar="PATH", help="Photos to index first. [default: the space as it stands]"),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", metavar="NAME", help="What is measured; `list` lists the protocols there are.")
    ] = "items",
    truth: Annotated[Path | None, typer.Option("--gnd", metavar="FILE", help="Ground truth of the protocol.")] = None,
    answers: Annotated[
        Path | None, typer.Option("--ranks", metavar="FILE", help="Answers of any system, to be measured as they are.")
    ] = None,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Hits that count. [default: the protocol's own]")] = None,
    distractors: Annotated[
        Path | None,
        typer.Option("--distractors", metavar="PATH", help="Images that are right for no query (revisited)."),
    ] = None,
    out: options.OutDirectory = None,
    false_accept_rate: Annotated[
        float | None,
        typer.Option("--far", help="Share of unknown items that may be called known. [default: as calibrated]"),
    ] = None,
    rerank: options.Rerank = None,
    item_from: options.ItemFrom = "auto",
    extractor: options.ExtractorName = None,
    recipe: options.RecipeText = None,
    store: options.Store = None,
    space: options.Space = None,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Ask labelled photos and measure the answers: accuracy, ranking, known/new decisions, time.

    With --gallery those photos are indexed first: into the store and space named, or else into one that is gone
    afterwards. Queries of items that the gallery does not show test the answer "new". --out writes an HTML report.
    Public benchmarks have a --protocol of their own, most of them from two files: --gnd says what is right, --ranks
    what was answered.
    """
    choices = Choices(store, space, extractor, recipe, device, batch_size, workers)
    files = ProtocolFiles(truth, answers, gallery, distractors)
    if protocol == "list":
        list_protocols(as_json=as_json)
    elif protocol != "items":
        measure_protocol(protocol, files, queries=queries, choices=choices, k=k, as_json=as_json)
    elif queries is None:
        raise InvalidInputError("give the labelled photos to ask about: --queries PATH")
    elif k is not None or any((truth, answers, distractors)):
        raise InvalidInputError(
            "--gnd, --ranks, --distractors and -k belong to the protocol of a benchmark: name it with --protocol "
            "(nearid evaluate --protocol list)"
        )
    else:
        asking = partial(_ask, item_from=item_from, far=false_accept_rate, rerank=rerank)
        asking(queries, gallery, choices, out=out, as_json=as_json)


def _ask(
    queries: str,
    gallery: str | None,
    choices: Choices,
    *,
    item_from: str,
    far: float | None,
    rerank: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    from util.benchmark.evaluating import evaluate_system

    if far is not None and not 0 < far < 1:
        raise InvalidInputError(f"--far is a share between 0 and 1, not {far}")
    reranking = chosen_reranking(rerank, device=choices.device)
    asked = read_datasets([queries], item_from=item_from)
    indexed = read_datasets([gallery], item_from=item_from) if gallery is not None else None
    keep = choices.store is not None or gallery is None
    with opened_store(choices.store) if keep else passing_store() as opened:
        if indexed is None:
            chosen = choose_space(choices, opened)
            extraction = extraction_for_space(choices, opened, chosen)
        else:
            extraction = extraction_for_indexing(choices, opened)
            chosen = choices.space or extraction.extractor.name
        with progress_bar("evaluating") as progress:
            result = evaluate_system(
                asked,
                gallery=indexed,
                extraction=extraction,
                store=opened,
                space=chosen,
                false_accept_rate=far,
                reranking=reranking,
                out=out,
                command=shlex.join(["nearid", *sys.argv[1:]]),
                progress=progress,
            )
    if as_json:
        print_json(result.to_json())
    else:
        _print(result.evaluation)
        if result.report is not None:
            print(f"report: {result.report}")
    leave_if_failed(result.failed, quiet=as_json)


def _print(evaluation: Evaluation) -> None:
    retrieval = evaluation.retrieval
    low, high = retrieval.top1_ci95
    rows = [
        ("queries", str(retrieval.n)),
        ("top-1", f"{retrieval.top1:.3f}  (95 % interval {low:.3f} to {high:.3f})"),
        *((f"recall@{k}", f"{share:.3f}") for k, share in retrieval.recall.items() if int(k) > 1),
        ("mAP", f"{retrieval.map:.3f}"),
        ("mAP@R", f"{retrieval.map_at_r:.3f}"),
        (f"macro F1, votes of {evaluation.votes.k}", f"{evaluation.votes.by_majority.macro[2]:.3f}"),
    ]
    if evaluation.open_set is not None:
        rows.append(("known or new, AUROC", f"{evaluation.open_set.auroc:.3f}"))
    if evaluation.latency is not None:
        rows.append(
            ("one answer takes", f"{evaluation.latency.p50:.0f} ms  (95 % within {evaluation.latency.p95:.0f} ms)")
        )
    print_table(("measure", "value"), rows)
