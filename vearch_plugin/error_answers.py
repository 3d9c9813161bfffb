"""Turns every error into an answer of one shape: ``{"error": {"code", "message", "detail"}}``.

Routes that owe another shape to their clients register it with :func:`add_error_style`; errors of the middleware
(no key, too large, too busy) then come in that shape too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from util.errors import NearIdError
from vearch_plugin.errors import ErrorAnswer, answer_for

_log = logging.getLogger(__name__)

_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_fields",
}
_MOST_PROBLEMS = 20

Render: TypeAlias = Callable[[ErrorAnswer], Response]


@dataclass(frozen=True, slots=True)
class _Style:
    matches: Callable[[str], bool]
    render: Render


def add_error_style(app: FastAPI, matches: Callable[[str], bool], render: Render) -> None:
    """Has the errors of some paths told in another shape.

    Args:
        app: the application.
        matches: says of a path (``/db/_create``) whether its errors come in this shape.
        render: makes the answer. What it is given may be shown to clients as it is.
    """
    app.state.error_styles.append(_Style(matches, render))


def install(app: FastAPI) -> None:
    """Makes all errors of an application answer in the one shape."""
    app.state.error_styles = []
    app.add_exception_handler(NearIdError, _on_nearid_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def error_response(scope: Scope, error: NearIdError) -> Response:
    """The answer to an error, in the shape that its path asks for."""
    answer = answer_for(error)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s: %s", error.code, error, exc_info=answer.status == HTTPStatus.INTERNAL_SERVER_ERROR)
    return render(scope, answer)


def render(scope: Scope, answer: ErrorAnswer) -> Response:
    """An error as a response, in the shape that its path asks for."""
    for style in scope["app"].state.error_styles:
        if style.matches(scope["path"]):
            response: Response = style.render(answer)
            response.headers.update(answer.headers)
            return response
    content = {"error": {"code": answer.code, "message": answer.message, "detail": answer.detail}}
    return JSONResponse(content, answer.status, headers=dict(answer.headers))


def internal_error() -> ErrorAnswer:
    """What is told of an error that nobody foresaw: nothing but that it is in the log."""
    message = "the service failed on this request; its log has the reason under the answer's X-Request-Id"
    return ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message)


async def _on_nearid_error(request: Request, error: Exception) -> Response:
    return error_response(request.scope, cast(NearIdError, error))  # the class it is registered for


async def _on_validation_error(request: Request, error: Exception) -> Response:
    listed = problems(cast(RequestValidationError, error).errors())
    answer = ErrorAnswer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_fields", "the request has invalid fields", listed)
    return render(request.scope, answer)


async def _on_http_exception(request: Request, raised: Exception) -> Response:
    error = cast(HTTPException, raised)
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, status.name.lower())
    message = {
        HTTPStatus.NOT_FOUND: "there is no such path: /docs lists those there are",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not a method of this path: /docs lists those there are",
    }.get(status, str(error.detail))
    return render(request.scope, ErrorAnswer(status, code, message, None, dict(error.headers or {})))


def problems(errors: object) -> list[dict[str, object]]:
    """Pydantic's list of errors without what was given, which may be a whole image."""
    listed = errors if isinstance(errors, list | tuple) else []
    return [{"where": [_part(part) for part in error["loc"]], "message": error["msg"]} for error in listed][
        :_MOST_PROBLEMS
    ]


def _part(part: object) -> str | int:
    return part if isinstance(part, int) else str(part)[:100]
