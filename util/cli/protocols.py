"""``nearid evaluate --protocol``: the protocols of public benchmarks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from util.cli.console import leave_if_failed, print_json, print_table, progress_bar
from util.cli.opening import Choices, extraction_for_writing, opened_store, passing_store
from util.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ProtocolFiles:
    """What was given to measure.

    Attributes:
        truth: file with what is right.
        answers: file with what a system answered.
        gallery: folder with the photos, to ask a system instead.
        distractors: further photos for the gallery.
    """

    truth: Path | None
    answers: Path | None
    gallery: str | None
    distractors: Path | None


def list_protocols(*, as_json: bool) -> None:
    """The catalogue."""
    from util.evaluation.protocols import PROTOCOLS

    if as_json:
        print_json({"protocols": [asdict(protocol) for protocol in PROTOCOLS]})
        return
    for protocol in PROTOCOLS:
        print(f"{protocol.name}: {protocol.measures}")
        print(f"    for {protocol.purpose} ({protocol.source})")
        if protocol.truth:
            print(f"    --gnd {protocol.truth}\n    --ranks {protocol.answers}")


def measure_protocol(
    name: str, files: ProtocolFiles, *, queries: str | None, choices: Choices, k: int | None, as_json: bool
) -> None:
    """Measures the answers in a file, or asks a system and measures what it answers.

    Raises:
        InvalidInputError: if there is no such protocol or what was given does not make up either.
    """
    from util.evaluation.protocols import protocol_named

    protocol = protocol_named(name)
    if queries is not None:
        raise InvalidInputError(f"--protocol {name} takes its queries from --gnd, not from --queries")
    if files.truth is None:
        raise InvalidInputError(f"--protocol {name} needs its ground truth: --gnd FILE ({protocol.truth})")
    if name == "revisited" and files.gallery is not None:
        if files.answers is not None or k is not None:
            raise InvalidInputError("with --gallery the photos are asked: leave --ranks and -k out")
        _ask_revisited(files.truth, files.gallery, files.distractors, choices=choices, as_json=as_json)
        return
    if files.answers is None or files.gallery is not None or files.distractors is not None:
        raise InvalidInputError(
            f"--protocol {name} measures answers: give --ranks FILE ({protocol.answers}), and no --gallery or "
            "--distractors beside it"
        )
    from util.benchmark.protocol_files import measure_files

    _print(measure_files(protocol, files.truth, files.answers, k=k), as_json=as_json)


def _ask_revisited(truth: Path, photos: str, distractors: Path | None, *, choices: Choices, as_json: bool) -> None:
    from util.benchmark.revisited import ask_revisited
    from util.datasets.revisited import read_revisited

    ground_truth = read_revisited(truth)
    extraction = extraction_for_writing(choices)
    with (
        opened_store(choices.store) if choices.store else passing_store() as store,
        progress_bar("evaluating") as progress,
    ):
        result = ask_revisited(
            ground_truth,
            Path(photos),
            distractors=distractors,
            extraction=extraction,
            store=store,
            space=choices.space or extraction.extractor.name,
            progress=progress,
        )
    _print(result.to_json(), as_json=as_json)
    leave_if_failed(result.failed, quiet=as_json)


def _print(numbers: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(numbers)
    else:
        print_table(("measure", "value"), list(_rows(numbers)))


def _rows(numbers: dict[str, Any], *above: str) -> list[tuple[str, str]]:
    """Nested numbers as lines such as ``hard mp 10``."""
    rows: list[tuple[str, str]] = []
    for name, value in numbers.items():
        if isinstance(value, dict):
            rows += _rows(value, *above, name)
        elif not isinstance(value, list):
            rows.append((" ".join([*above, name]), f"{value:.4f}" if isinstance(value, float) else str(value)))
    return rows
