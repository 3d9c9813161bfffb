"""``nearid identify``: known, new or unsure, and which item."""

from __future__ import annotations

from typing import Annotated

import typer

from util.cli import options
from util.cli.console import failures_as_json, leave_if_failed, print_json, progress_bar
from util.cli.opening import Choices, choose_space, chosen_verifier, extraction_for_space, opened_store
from util.cli.rendering import decision_as_json, verification_line


def identify(
    queries: Annotated[list[str], typer.Argument(metavar="QUERY", help="Photos to ask about.")],
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=-1.0, max=1.0, help="Known from this score on. [default: calibrated]"),
    ] = None,
    one_item: Annotated[
        bool, typer.Option("--one-item", help="All queries are photos of one item: answer with one decision.")
    ] = False,
    verifier: Annotated[
        str | None,
        typer.Option("--verifier", metavar="NAME", help="Trained Siamese network that checks the likeliest items."),
    ] = None,
    verify_threshold: Annotated[
        float | None,
        typer.Option("--verify-threshold", metavar="P", help="The same item from this probability on. [default: 0.5]"),
    ] = None,
    where: options.Where = None,
    extractor: options.ExtractorName = None,
    store: options.Store = None,
    space: options.Space = None,
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Say for each photo whether it shows a known item, a new one, or whether that cannot be told.

    The threshold is calibrated on the gallery for a false-accept rate of 1 %, the first time it is needed
    (`nearid spaces calibrate` sets another rate, or calibrates on photos of yours). With --verifier an item is known
    only if a network that compares photos in pairs (`nearid train siamese_alexnet`) says so too.
    """
    from util.search.identifying import identify as identify_images
    from util.vector_store.filters import parse_where

    choices = Choices(store, space, extractor, None, device, batch_size, workers)
    conditions = parse_where(where or [])
    checking = chosen_verifier(verifier, choices, threshold=verify_threshold)
    with opened_store(store) as opened:
        chosen = choose_space(choices, opened)
        extraction = extraction_for_space(choices, opened, chosen)
        with progress_bar("identifying") as progress:
            found = identify_images(
                queries,
                extraction=extraction,
                store=opened,
                space=chosen,
                threshold=threshold,
                one_item=one_item,
                where=conditions or None,
                verifier=checking,
                progress=progress,
            )
    if as_json:
        print_json(
            {
                "space": chosen,
                "decisions": [decision_as_json(decision) for decision in found.decisions],
                "failed": failures_as_json(found.failed),
            }
        )
    else:
        for decision in found.decisions:
            answer = decision.decision if decision.item is None else f"{decision.decision}: {decision.item}"
            print(f"{decision.query}\n  {answer}\n  {decision.evidence.reason}")
            for said in decision.evidence.verification:
                print(f"  {verification_line(said)}")
            if decision.evidence.hits and decision.item is not None:
                print(f"  looks like {decision.evidence.hits[0].metadata.get('path', decision.evidence.hits[0].id)}")
    leave_if_failed(found.failed, quiet=as_json)
