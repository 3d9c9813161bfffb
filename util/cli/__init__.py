"""The ``nearid`` command: one module a command, and one place where errors become a line and an exit status."""

from __future__ import annotations

import sys

from util.errors import NearIdError

INTERRUPTED = 130


def main() -> None:
    """Runs the command line and leaves with its status.

    Every expected error ends in one line on standard error; a traceback means a bug.
    """
    from util.cli.app import app
    from util.cli.console import print_error

    try:
        app()
    except NearIdError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept; start the same command again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nothing is left to say
        sys.exit(0)
