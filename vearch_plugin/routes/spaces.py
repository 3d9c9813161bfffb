"""``/v1/spaces``: the spaces of the store."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import TypeAdapter, ValidationError

from util.search.indexing import space_for
from vearch_plugin.errors import InvalidFieldsError
from vearch_plugin.schemas.answers import Deleted, SpaceAnswer, SpacesAnswer
from vearch_plugin.schemas.requests import NewSpace, SpaceName
from vearch_plugin.service import Service, ServiceDependency

router = APIRouter(prefix="/v1/spaces", tags=["spaces"])

SpacePath = Annotated[str, Path(min_length=1, max_length=200, description="name of the space")]

_NAME: TypeAdapter[str] = TypeAdapter(SpaceName)


@router.get("")
async def list_spaces(service: ServiceDependency) -> SpacesAnswer:
    """All spaces, by name."""
    return await service.run(lambda: _list(service))


@router.get("/{space}")
async def info(space: SpacePath, service: ServiceDependency) -> SpaceAnswer:
    """One space."""
    return SpaceAnswer.of(await service.run(lambda: service.store.info(space)))


@router.post("/{space}", status_code=HTTPStatus.CREATED)
async def create(space: SpacePath, service: ServiceDependency, wanted: NewSpace | None = None) -> SpaceAnswer:
    """Makes an empty space."""
    return await service.run(lambda: _create(service, space, wanted or NewSpace()))


@router.delete("/{space}")
async def drop(space: SpacePath, service: ServiceDependency) -> Deleted:
    """Removes a space and all its embeddings."""
    return await service.run(lambda: _drop(service, space))


def checked_name(space: str) -> str:
    """The name of a space that is made now.

    Raises:
        InvalidFieldsError: if it is not fit for one.
    """
    try:
        return _NAME.validate_python(space)
    except ValidationError:
        raise InvalidFieldsError(
            "a new space is named by letters, digits, '-', '_', '.' and ':', beginning with a letter or digit"
        ) from None


def _list(service: Service) -> SpacesAnswer:
    return SpacesAnswer(spaces=[SpaceAnswer.of(info) for info in service.store.list_spaces()])


def _create(service: Service, space: str, wanted: NewSpace) -> SpaceAnswer:
    extractor = service.extraction_of(wanted.extractor).extractor
    made = service.store.create_space(space_for(extractor, checked_name(space), index=wanted.index))
    return SpaceAnswer.of(made)


def _drop(service: Service, space: str) -> Deleted:
    count = service.store.info(space).count
    service.store.drop_space(space)
    return Deleted(deleted=count)
