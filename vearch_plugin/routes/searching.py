"""``/v1/spaces/{space}/search`` and ``/identify``: ask a space about photos."""

from __future__ import annotations

from fastapi import APIRouter, Request

from util.search.calibrating import calibration_of
from util.search.identifying import identify as identify_images
from util.search.reranking import ReRanking
from util.search.similar import Found, find_similar
from vearch_plugin.asking import asked, failed_images, where_of
from vearch_plugin.bodies import Body, read_body
from vearch_plugin.errors import InvalidFieldsError
from vearch_plugin.openapi import image_body
from vearch_plugin.routes.spaces import SpacePath
from vearch_plugin.schemas.answers import (
    DecisionAnswer,
    IdentifyAnswer,
    QueryResult,
    SearchAnswer,
)
from vearch_plugin.schemas.requests import IdentifyOptions, IdentifyRequest, SearchOptions, SearchRequest
from vearch_plugin.service import Service, ServiceDependency

router = APIRouter(prefix="/v1/spaces/{space}", tags=["ask"])


@router.post("/search", openapi_extra=image_body(SearchRequest, SearchOptions))
async def search(space: SpacePath, request: Request, service: ServiceDependency) -> SearchAnswer:
    """The indexed images most similar to each image given, with their cosine similarity or a re-ranker's score."""
    body = await read_body(request, most_images=service.limits.max_request_images)
    return await service.run(lambda: _search(service, space, body))


@router.post("/identify", openapi_extra=image_body(IdentifyRequest, IdentifyOptions))
async def identify(space: SpacePath, request: Request, service: ServiceDependency) -> IdentifyAnswer:
    """Whether each image shows a known item (and which), a new one, or whether that cannot be told."""
    body = await read_body(request, most_images=service.limits.max_request_images)
    return await service.run(lambda: _identify(service, space, body))


def _search(service: Service, space: str, body: Body) -> SearchAnswer:
    ask = asked(service, body, request=SearchRequest, options=SearchOptions)
    wanted = ask.options
    if wanted.k > service.limits.max_k:
        raise InvalidFieldsError(f"k is at most {service.limits.max_k} here, not {wanted.k}")

    def search_with(reranking: ReRanking | None) -> Found:
        return find_similar(
            ask.data,
            extraction=service.extraction_of(service.store.info(space)),
            store=service.store,
            space=space,
            k=wanted.k,
            where=where_of(wanted.where),
            min_score=wanted.min_score,
            reranking=reranking,
        )

    found = service.reranked(search_with, rerank=wanted.rerank, queries=len(ask.data), store=service.store, space=space)
    failed = ask.all_failures(found.failed)
    evidence = found.evidence or ({},) * len(found.results)
    results = [
        QueryResult.of(ask.name_of(result.query), result, seen)
        for result, seen in zip(found.results, evidence, strict=True)
    ]
    return SearchAnswer(space=space, results=results, failed=failed_images(failed))


def _identify(service: Service, space: str, body: Body) -> IdentifyAnswer:
    ask = asked(service, body, request=IdentifyRequest, options=IdentifyOptions)
    wanted = ask.options
    extraction = service.extraction_of(service.store.info(space))
    if wanted.threshold is None:
        with service.calibrating:  # the first one to ask calibrates, the others wait and find it done
            calibration_of(service.store, service.store.info(space))
    found = identify_images(
        ask.data,
        extraction=extraction,
        store=service.store,
        space=space,
        threshold=wanted.threshold,
        one_item=wanted.one_item,
        where=where_of(wanted.where),
    )
    failed = ask.all_failures(found.failed)
    decisions = [
        DecisionAnswer.of(decision, ", ".join(ask.name_of(query) for query in decision.query.split(", ")))
        for decision in found.decisions
    ]
    return IdentifyAnswer(space=space, decisions=decisions, failed=failed_images(failed))
