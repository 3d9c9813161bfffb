"""The HTTP of 2021: the same paths, methods and answers.

None of it stands in the API's description: what it promises is what programs of 2021 expect, and
``docs/service_2021_routes.md`` says what that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import PlainTextResponse, Response

from util.errors import InvalidInputError
from vearch_plugin.error_answers import add_error_style
from vearch_plugin.errors import ErrorAnswer
from vearch_plugin.legacy.answers import ERROR_STATUS, as_json, refusal, success
from vearch_plugin.legacy.bodies import read_object
from vearch_plugin.legacy.describing import (
    describe_database,
    describe_health,
    describe_servers,
    describe_space,
    describe_stats,
)
from vearch_plugin.legacy.errors import MasterError
from vearch_plugin.legacy.extracting import embed_images, space_of_extractor
from vearch_plugin.legacy.names import DATABASE_ROUTES, OTHER_ROUTES
from vearch_plugin.legacy.operations import Operations
from vearch_plugin.service import Service, ServiceDependency

_OWN_STATUS = frozenset(
    {
        "unauthorized",
        "rate_limited",
        "body_too_large",
        "body_too_slow",
        "overloaded",
        "deadline_exceeded",
        "unavailable",
    }
)
"""Refusals of the service itself, which came before the plugin had its say: they keep their status."""


class _DatabaseName(Convertor[str]):
    """The first word of a path, where it is not that of another route."""

    regex = rf"(?!(?:{'|'.join((*DATABASE_ROUTES, *OTHER_ROUTES))})(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """The word as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """The word as it stands."""
        return value


register_url_convertor("database", _DatabaseName())

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Adds the routes, and has their errors told as the plugin told them. To be called after all other routes."""
    app.include_router(router)
    app.add_exception_handler(MasterError, _on_master_error)
    add_error_style(app, is_legacy_path, _render)


def is_legacy_path(path: str) -> bool:
    """Whether a path is one of 2021's, if it is any: it has two words or more, and is none of the other routes.

    >>> is_legacy_path("/db/_create"), is_legacy_path("/v1/spaces/milk"), is_legacy_path("/health")
    (True, False, False)
    """
    first, *others = path.strip("/").split("/")
    return bool(others) and first not in OTHER_ROUTES


@router.put("/db/_create")
async def create_database(request: Request, service: ServiceDependency) -> Response:
    """Makes a database: ``{"name": …}``."""
    body = await request.body()

    def work(operations: Operations) -> Any:
        if not body:
            raise InvalidInputError("The request data can not be empty!")
        name = read_object(body, "the request").get("name")
        return success(describe_database(operations.catalogue.create_database(name)))

    return await _answer(service, work)


@router.get("/list/db")
async def list_databases(service: ServiceDependency) -> Response:
    """All databases."""
    return await _answer(service, lambda do: success([describe_database(db) for db in do.catalogue.databases()]))


@router.get("/db/{name}")
async def get_database(name: str, service: ServiceDependency) -> Response:
    """One database, by name or number."""
    return await _answer(service, lambda do: success(describe_database(do.catalogue.database(name))))


@router.delete("/db/{name}")
async def drop_database(name: str, service: ServiceDependency) -> Response:
    """Removes an empty database."""

    def work(operations: Operations) -> Any:
        operations.catalogue.drop_database(name)
        return success()

    return await _answer(service, work)


@router.put("/space/{database}/_create")
async def create_space(database: str, request: Request, service: ServiceDependency) -> Response:
    """Makes a space from its schema."""
    body = await request.body()

    def work(operations: Operations) -> Any:
        schema = read_object(body, "the schema")
        return success(describe_space(operations.catalogue.create_space(database, schema, maker=operations.maker)))

    return await _answer(service, work)


@router.get("/list/space")
async def list_spaces(service: ServiceDependency, db: str = "") -> Response:
    """The spaces of a database."""
    return await _answer(service, lambda do: success([describe_space(space) for space in do.catalogue.spaces(db)]))


@router.get("/space/{database}/{space}")
async def get_space(database: str, space: str, service: ServiceDependency) -> Response:
    """One space."""
    return await _answer(service, lambda do: success(describe_space(do.catalogue.space(database, space))))


@router.delete("/space/{database}/{space}")
async def drop_space(database: str, space: str, service: ServiceDependency) -> Response:
    """Removes a space and all its documents."""

    def work(operations: Operations) -> Any:
        operations.catalogue.drop_space(database, space)
        return success()

    return await _answer(service, work)


@router.get("/_cluster/health")
async def health(service: ServiceDependency) -> Response:
    """How the databases are."""

    def work(operations: Operations) -> Any:
        catalogue = operations.catalogue
        return [describe_health(database, catalogue.spaces(database.name)) for database in catalogue.databases()]

    return await _answer(service, work)


@router.get("/_cluster/stats")
async def stats(service: ServiceDependency) -> Response:
    """How the servers are: this service stands for all of them."""
    return await _answer(service, lambda do: describe_stats(do.catalogue.all_spaces()))


@router.get("/list/server")
async def list_servers(service: ServiceDependency) -> Response:
    """The servers; likewise."""
    return await _answer(service, lambda do: success(describe_servers(do.catalogue.all_spaces())))


@router.get("/{database:database}/{space}")
async def get_cached_space(database: str, space: str, service: ServiceDependency) -> Response:
    """One space, without the master's envelope."""
    return await _answer(service, lambda do: describe_space(do.catalogue.space(database, space)))


@router.api_route("/{database:database}/{space}/_search", methods=["GET", "POST"])
async def search(
    database: str, space: str, request: Request, service: ServiceDependency, size: str | None = None
) -> Response:
    """The nearest documents to a vector or an image."""
    body = await request.body()
    return await _answer(service, lambda do: do.search(database, space, body, size))


@router.post("/{database:database}/{space}/_bulk")
async def bulk(database: str, space: str, request: Request, service: ServiceDependency) -> Response:
    """Writes, changes and removes many documents; one JSON object a line."""
    body = await request.body()
    return await _answer(service, lambda do: do.bulk(database, space, body))


@router.post("/{database:database}/{space}/_query_byids")
async def query_by_ids(database: str, space: str, request: Request, service: ServiceDependency) -> Response:
    """Documents by their ids."""
    body = await request.body()
    return await _answer(service, lambda do: do.query_by_ids(database, space, body))


@router.api_route("/{database:database}/{space}/_delete_by_query", methods=["DELETE", "POST"])
async def delete_by_query(database: str, space: str, request: Request, service: ServiceDependency) -> Response:
    """Removes the documents that a query finds."""
    body = await request.body()
    return await _answer(service, lambda do: do.delete_by_query(database, space, body))


@router.post("/{database:database}/{space}/_flush")
@router.post("/{database:database}/{space}/_forcemerge")
async def refresh(database: str, space: str, service: ServiceDependency) -> Response:
    """Builds the search index now."""
    return await _answer(service, lambda do: do.refresh(database, space))


@router.api_route("/{database:database}/{space}", methods=["POST", "PUT"])
@router.api_route("/{database:database}/{space}/", methods=["POST", "PUT"])  # as the documentation of 2021 wrote it
async def insert(database: str, space: str, request: Request, service: ServiceDependency) -> Response:
    """Writes a document under an id made up for it."""
    body = await request.body()
    return await _answer(service, lambda do: do.insert(database, space, None, body))


@router.api_route("/{database:database}/{space}/{id_}", methods=["POST", "PUT"])
@router.post("/{database:database}/{space}/{id_}/_create")
async def insert_as(database: str, space: str, id_: str, request: Request, service: ServiceDependency) -> Response:
    """Writes a document under its id."""
    body = await request.body()
    return await _answer(service, lambda do: do.insert(database, space, id_, body))


@router.api_route("/{database:database}/{space}/{id_}/_update", methods=["POST", "PUT"])
async def update(database: str, space: str, id_: str, request: Request, service: ServiceDependency) -> Response:
    """Gives some fields of a document new values."""
    body = await request.body()
    return await _answer(service, lambda do: do.update(database, space, id_, body))


@router.get("/{database:database}/{space}/{id_}")
async def get_document(database: str, space: str, id_: str, service: ServiceDependency) -> Response:
    """A document by its id."""
    return await _answer(service, lambda do: do.get(database, space, id_))


@router.delete("/{database:database}/{space}/{id_}")
async def delete_document(database: str, space: str, id_: str, service: ServiceDependency) -> Response:
    """Removes a document."""
    return await _answer(service, lambda do: do.delete(database, space, id_))


async def _answer(service: Service, work: Callable[[Operations], object]) -> Response:
    """Does the work of a request in a thread and tells its result."""

    def in_thread() -> bytes:
        operations = Operations(
            service.store,
            embed=lambda info, images: embed_images(service, info, images),
            maker=lambda schema, name: space_of_extractor(service, schema, name),
        )
        return as_json(work(operations))

    return Response(await service.run(in_thread), media_type="application/json")


async def _on_master_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MasterError)  # noqa: S101 - the class it is registered for
    return Response(as_json(refusal(error)), ERROR_STATUS, media_type="application/json")


def _render(answer: ErrorAnswer) -> Response:
    status = answer.status if answer.code in _OWN_STATUS else ERROR_STATUS
    return PlainTextResponse(answer.message.encode(errors="backslashreplace"), status)
