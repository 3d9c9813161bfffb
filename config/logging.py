"""Logging of the commands and the service; the library itself only writes to its loggers."""

from __future__ import annotations

import logging
import sys

from util.errors import InvalidInputError


def configure_logging(level: str) -> None:
    """Sends log lines of ``level`` and above to standard error, so that standard output stays data.

    Raises:
        InvalidInputError: if there is no such level.
    """
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise InvalidInputError(f"no log level {level!r}: use DEBUG, INFO, WARNING or ERROR (NEARID_LOG_LEVEL)")
    logging.basicConfig(
        stream=sys.stderr, level=levels[level.upper()], format="%(levelname)s %(name)s: %(message)s", force=True
    )
