"""The ``nearid`` command: one module a command, and one place where errors become a line and an exit status."""

from __future__ import annotations

import sys

INTERRUPTED = 130
STOPPED = 1


def main() -> None:
    """Runs the command line and leaves with its status.

    Every expected error ends in one line on standard error; a traceback means a bug.
    """
    import typer

    from util.cli.app import app
    from util.cli.console import print_error, print_usage_error
    from util.errors import NearIdError

    as_json = "--json" in sys.argv
    try:
        status = app(standalone_mode=False)
    except NearIdError as error:
        print_error(error, as_json=as_json)
        status = error.exit_status
    except typer.TyperException as error:
        status = print_usage_error(error, as_json=as_json)
    except typer.Abort:
        print("stopped: nothing was changed", file=sys.stderr)
        status = STOPPED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nothing is left to say
        status = 0
    if status == INTERRUPTED:
        print("interrupted: what was finished is kept; start the same command again to go on", file=sys.stderr)
    sys.exit(status)
