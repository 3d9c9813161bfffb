"""Routes that take images to ask with: from a body to options, names and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from pydantic import BaseModel

from util.search.extraction import Failure, source_name
from util.vector_store import filters
from vearch_plugin.bodies import Body
from vearch_plugin.schemas.answers import ErrorContent, FailedImage
from vearch_plugin.schemas.requests import AskingImages, Condition, Range
from vearch_plugin.service import Service
from vearch_plugin.sources import Named, all_failed, check_count

_Options = TypeVar("_Options", bound=BaseModel)


@dataclass(frozen=True)
class Asked(Generic[_Options]):
    """The images of a request that could be read, and what is wanted of them.

    Attributes:
        options: what was asked for.
        names: what the answer calls the images that were read.
        positions: where these stood in the request.
        data: their bytes.
        failed: the images that could not be read.
        total: how many there were.
    """

    options: _Options
    names: tuple[str, ...]
    positions: tuple[int, ...]
    data: tuple[bytes, ...]
    failed: tuple[Failure, ...]
    total: int

    def name_of(self, query: str) -> str:
        """The name of a query that a step of the library calls ``query 3``."""
        return self._names_by_query[query]

    def all_failures(self, later: Sequence[Failure]) -> list[Failure]:
        """Those that could not be read, and those that the step could not decode, by their names here.

        Raises:
            ServiceError: if not one image is left.
        """
        failed = [*self.failed, *(Failure(self.name_of(one.path), one.error, one.code) for one in later)]
        if len(failed) == self.total:
            raise all_failed(failed)
        return failed

    @property
    def _names_by_query(self) -> Mapping[str, str]:
        return {source_name(b"", position): name for position, name in enumerate(self.names)}


def asked(service: Service, body: Body, *, request: type[AskingImages], options: type[_Options]) -> Asked[_Options]:
    """Understands a body and reads its images.

    Args:
        service: with its limits.
        body: as it came.
        request: model of a JSON body, which is one of the options too.
        options: model of the options alone, which a form gives in fields.

    Raises:
        InvalidFieldsError: if the body is not what it should be.
    """
    if body.json is None:
        wanted = body.options(options)
        given = [Named(file.name or source_name(b"", i), file) for i, file in enumerate(body.files)]
    else:
        parsed = body.parsed(request)
        wanted = cast(_Options, parsed)
        given = [Named(image.name or source_name(b"", i), image) for i, image in enumerate(parsed.images)]
    check_count(given, service.limits.max_request_images)
    kept, read, failed = service.reader().read_all(given)
    if not read:
        raise all_failed(failed)
    names = tuple(given[position].name for position in kept)
    return Asked(wanted, names, tuple(kept), tuple(image.data for image in read), tuple(failed), len(given))


def where_of(conditions: Mapping[str, Condition]) -> filters.Where | None:
    """A filter of the API as the stores take it; ``None`` where nothing is asked for."""
    return {name: _condition(condition) for name, condition in conditions.items()} or None


def failed_images(failed: Sequence[Failure]) -> list[FailedImage]:
    """Failures as they are told."""
    return [FailedImage(name=one.path, error=ErrorContent(code=one.code, message=one.error)) for one in failed]


def _condition(condition: Condition) -> filters.Condition:
    if isinstance(condition, Range):
        return filters.Range(condition.gt, condition.gte, condition.lt, condition.lte)
    return condition
