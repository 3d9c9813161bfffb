"""Logging of the commands and the service; the library itself only writes to its loggers."""

from __future__ import annotations

import logging
import sys

from util.errors import InvalidInputError


def configure_logging(level: str, *, handler: logging.Handler | None = None) -> None:
    """Sends log lines of ``level`` and above to standard error, so that standard output stays data.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        handler: writes them; lines for a person by default.

    Raises:
        InvalidInputError: if there is no such level.
    """
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise InvalidInputError(f"no log level {level!r}: use DEBUG, INFO, WARNING or ERROR (NEARID_LOG_LEVEL)")
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=levels[level.upper()], force=True)
