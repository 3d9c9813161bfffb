"""Structured logs: one JSON object a line on standard error."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from config.logging import configure_logging
from vearch_plugin.observing import access_log, request_id

_SAID_ANYWAY = ("uvicorn.error", access_log.name)


def configure_logs(level: str) -> None:
    """Sends log lines of ``level`` and above, and one line a request, to standard error.

    Raises:
        InvalidInputError: if there is no such level.
    """
    configure_logging(level, handler=json_handler(sys.stderr))
    for name in _SAID_ANYWAY:
        logging.getLogger(name).setLevel(min(logging.INFO, logging.root.level))


def json_handler(stream: TextIO) -> logging.Handler:
    """Writes log records as JSON objects, each with the id of the request it belongs to."""
    names = {"asctime": "time", "levelname": "level", "name": "logger"}
    left_out = [*RESERVED_ATTRS, "color_message"]  # the latter is uvicorn's, for terminals
    fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(fields, rename_fields=names, reserved_attrs=left_out))
    handler.addFilter(_add_request_id)
    return handler


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True
