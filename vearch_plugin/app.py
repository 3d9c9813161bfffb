"""The application: settings in, FastAPI out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from config.settings import ServiceSettings, Settings, load_service_settings, load_settings
from util.errors import NearIdError
from vearch_plugin import error_answers, openapi
from vearch_plugin.admission import AdmissionMiddleware
from vearch_plugin.legacy import routes as legacy_routes
from vearch_plugin.observing import ObservingMiddleware
from vearch_plugin.routes import embeddings, images, operations, searching, spaces
from vearch_plugin.service import Service

_log = logging.getLogger(__name__)

ROUTERS: tuple[APIRouter, ...] = (
    operations.router,
    embeddings.router,
    searching.router,
    images.router,
    spaces.router,
)
"""The routes, in the order in which they are tried."""

_DESCRIPTION = "Identifies nearly identical things in photos: which one is it, or is it new?"


def create_app(settings: Settings | None = None, limits: ServiceSettings | None = None) -> FastAPI:
    """The service as an ASGI application; ``app.state.service`` holds what its routes work with.

    Args:
        settings: of the installation; by default those of the environment.
        limits: the service's own; by default those of the environment.

    Raises:
        InvalidInputError: if a setting cannot be used.
    """
    service = Service(settings or load_settings(), limits or load_service_settings())
    app = FastAPI(
        title="NearID",
        version=version("nearid"),
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    error_answers.install(app)
    app.add_exception_handler(Exception, _on_unforeseen_error)
    app.add_middleware(AdmissionMiddleware, service=service)
    app.add_middleware(ObservingMiddleware, metrics=service.metrics)
    for router in ROUTERS:
        app.include_router(router, responses=openapi.ERRORS)
    legacy_routes.install(app)
    openapi.describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    opening = asyncio.create_task(asyncio.to_thread(_open, service))
    yield
    await opening
    await asyncio.to_thread(service.close)


def _open(service: Service) -> None:
    """Gets ready while ``/health`` answers already; what is wrong is in the log, and ``/ready`` says that it is."""
    try:
        service.open()
    except NearIdError as error:
        _log.error("not ready: %s", error)


async def _on_unforeseen_error(request: Request, error: Exception) -> Response:
    return error_answers.render(request.scope, error_answers.internal_error())
