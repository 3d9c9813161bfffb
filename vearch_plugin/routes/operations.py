"""``/health``, ``/ready`` and ``/metrics``: for those who run the service."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from vearch_plugin.errors import UnavailableError
from vearch_plugin.schemas.answers import Health, Readiness
from vearch_plugin.service import ServiceDependency

router = APIRouter(tags=["operate"])


@router.get("/health")
async def health() -> Health:
    """The process is alive."""
    return Health()


@router.get("/ready")
async def ready(service: ServiceDependency) -> Readiness:
    """The store can be reached and the model is loaded; 503 while that is not so."""
    found = await service.readiness()
    if not (found.store and found.extractor):
        raise UnavailableError("the service is not ready", detail=found.model_dump())
    return found


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: ServiceDependency) -> Response:
    """Counters in Prometheus' text format."""
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
