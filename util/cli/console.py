"""What a command prints: one JSON object for programs, or lines and tables for people; progress beside either."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from util.errors import InvalidInputError, NearIdError

if TYPE_CHECKING:
    import typer

    # At run time `nearid --help` would wait for the image libraries.
    from util.search.extraction import Failure, Progress

SOME_FAILED = 3
_SHOWN_FAILURES = 20


def print_json(value: Mapping[str, object]) -> None:
    """The one object a command prints with ``--json``."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_error(error: NearIdError, *, as_json: bool) -> None:
    """One line on standard error; for programs also one object on standard output."""
    _print_error(str(error), error.code, as_json=as_json)


def print_usage_error(error: typer.TyperException, *, as_json: bool) -> int:
    """The same for words and options that no command understands; returns the status to leave with."""
    message = error.format_message()
    command = getattr(getattr(error, "ctx", None), "command_path", "nearid")
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message)  # the command's help: asking for nothing is no mistake
        return 0
    _print_error(f"{message} (see {command} --help)", InvalidInputError.code, as_json=as_json)
    return InvalidInputError.exit_status


def _print_error(message: str, code: str, *, as_json: bool) -> None:
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    if as_json:
        print_json({"error": {"code": code, "message": line, "detail": None}})


def failures_as_json(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """Failures for ``--json``."""
    return [{"path": failure.path, "error": failure.error} for failure in failures]


def leave_if_failed(failures: Sequence[Failure], *, quiet: bool = False) -> None:
    """Lists images that were left out and ends the command with status 3; does nothing where there are none."""
    if not failures:
        return
    if not quiet:
        for failure in failures[:_SHOWN_FAILURES]:
            print(f"left out: {failure.path}: {failure.error}", file=sys.stderr)
        if len(failures) > _SHOWN_FAILURES:
            print(f"… and {len(failures) - _SHOWN_FAILURES} more (all of them with --json)", file=sys.stderr)
    sys.exit(SOME_FAILED)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table for people; plain columns when the output is not a terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False) if console.is_terminal else Console(width=200).print(table, markup=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A progress bar on standard error with the rate and the time left; silent when that is not a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(done: int, total: int | None) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{done / elapsed:.0f}/s" if elapsed > 1 else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield show
