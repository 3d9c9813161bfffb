"""The API's description where FastAPI cannot see by itself what a route takes: a body that is JSON or a form."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from vearch_plugin.bodies import FILE_FIELD
from vearch_plugin.schemas.answers import ErrorBody
from vearch_plugin.schemas.requests import EmbedRequest, IdentifyRequest, IndexRequest, SearchRequest

_TEMPLATE = "#/components/schemas/{model}"
_IN_BODIES = (SearchRequest, IdentifyRequest, IndexRequest, EmbedRequest)
_AS_JSON_TEXT = frozenset({"where", "metadata"})

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "the request is wrong: the message says what is expected"},
    "5XX": {"model": ErrorBody, "description": "the service cannot do it now; Retry-After says when to ask again"},
    422: {"model": ErrorBody, "description": "fields or images that cannot be used"},
}
"""The errors every route can answer with."""

_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def image_body(json: type[BaseModel], form: type[BaseModel]) -> dict[str, Any]:
    """The body of a route that takes images: a JSON object, or a form with files and the fields of ``form``."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": _TEMPLATE.format(model=json.__name__)}},
                "multipart/form-data": {"schema": _form_schema(form)},
            },
        }
    }


def describe(app: FastAPI) -> None:
    """Completes what FastAPI writes about an application: the models of image bodies, and the key."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, models = models_json_schema([(model, "validation") for model in _IN_BODIES], ref_template=_TEMPLATE)
    components = document.setdefault("components", {})
    components["schemas"] = {**models["$defs"], **components.get("schemas", {})}
    components["securitySchemes"] = _SECURITY
    document["security"] = [{}, *({name: []} for name in _SECURITY)]
    return document


def _form_schema(form: type[BaseModel]) -> dict[str, Any]:
    fields = {name: _in_form(name, field.description) for name, field in form.model_fields.items()}
    files = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    return {"type": "object", "required": [FILE_FIELD], "properties": {FILE_FIELD: files, **fields}}


def _in_form(name: str, description: str | None) -> dict[str, Any]:
    note = f"{description or name}; a JSON object" if name in _AS_JSON_TEXT else description or name
    return {"type": "string", "description": note}
