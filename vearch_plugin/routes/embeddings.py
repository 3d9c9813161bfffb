"""``/v1/embeddings`` and ``/v1/extractors``: what images are turned into vectors by, and the vectors."""

from __future__ import annotations

import base64

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray

from vearch_plugin.asking import asked, failed_images
from vearch_plugin.bodies import Body, read_body
from vearch_plugin.openapi import image_body
from vearch_plugin.schemas.answers import EmbedAnswer, ExtractorAnswer, ExtractorsAnswer
from vearch_plugin.schemas.requests import EmbedOptions, EmbedRequest
from vearch_plugin.service import Service, ServiceDependency

router = APIRouter(prefix="/v1", tags=["embed"])


@router.get("/extractors")
async def extractors(service: ServiceDependency) -> ExtractorsAnswer:
    """The extractors there are, and whether their weights are here."""
    described = await service.run(service.extractors.described)
    told = [
        ExtractorAnswer(name=one.name, dimension=one.dimension, recipe=one.recipe, weights=one.weights)
        for one in described
    ]
    return ExtractorsAnswer(extractors=told)


@router.post("/embeddings", openapi_extra=image_body(EmbedRequest, EmbedOptions))
async def embeddings(request: Request, service: ServiceDependency) -> EmbedAnswer:
    """The embedding of each image: a vector of Euclidean length 1."""
    body = await read_body(request, most_images=service.limits.max_request_images)
    return await service.run(lambda: _embed(service, body))


def _embed(service: Service, body: Body) -> EmbedAnswer:
    ask = asked(service, body, request=EmbedRequest, options=EmbedOptions)
    wanted = ask.options
    extraction = service.extraction_of(service.store.info(wanted.space) if wanted.space else wanted.extractor)
    kept, rows, undecoded = extraction.embed_sources(ask.data)
    failed = ask.all_failures(undecoded)
    told: list[list[float] | str | None] = [None] * ask.total
    for position, row in zip(kept, rows, strict=True):
        told[ask.positions[position]] = _written(row, wanted)
    extractor = extraction.extractor
    return EmbedAnswer(
        extractor=extractor.name,
        dimension=extractor.dimension,
        fingerprint=extractor.fingerprint,
        embeddings=told,
        failed=failed_images(failed),
    )


def _written(row: NDArray[np.float32], wanted: EmbedOptions) -> list[float] | str:
    if wanted.encoding == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode()
    numbers: list[float] = row.tolist()
    return numbers
