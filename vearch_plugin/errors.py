"""What can go wrong in the service alone, and which status each error of NearID answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar

from util.errors import (
    DimensionMismatchError,
    ExtractorUnavailableError,
    FingerprintMismatchError,
    ImageError,
    ImageTooLargeError,
    InvalidInputError,
    NearIdError,
    NotCalibratedError,
    PartialWriteError,
    ReRankerUnavailableError,
    SpaceExistsError,
    SpaceNotFoundError,
    StoreError,
    StoreUnavailableError,
)

RETRY_AFTER_SECONDS = 1


class ServiceError(NearIdError):
    """An error of the service itself.

    Attributes:
        status: HTTP status it answers with.
        headers: of the answer, besides the usual ones.
        detail: JSON values for programs.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, *, detail: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.detail = detail
        self.headers = dict(headers or {})


class BadRequestError(ServiceError):
    """A request that cannot be understood."""

    code = "invalid_request"
    status = HTTPStatus.BAD_REQUEST


class InvalidFieldsError(ServiceError):
    """A body or query whose fields are not what the API's description says; ``detail`` lists them."""

    code = "invalid_fields"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnreadableImagesError(ServiceError):
    """None of the images of a request could be read; ``detail`` lists them."""

    code = ImageError.code
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLargeImagesError(ServiceError):
    """None of the images of a request could be read, because they are too large; ``detail`` lists them."""

    code = ImageTooLargeError.code
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class SpaceTooLargeError(ServiceError):
    """A space with more images than the service does this with."""

    code = "space_too_large"
    status = HTTPStatus.CONFLICT


class UnauthorizedError(ServiceError):
    """A request without the API key."""

    code = "unauthorized"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class NotFoundError(ServiceError):
    """There is no such thing."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class BodyTooLargeError(ServiceError):
    """A body over the limit, refused before it is all read."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BodyTooSlowError(ServiceError):
    """A body that did not arrive in time."""

    code = "body_too_slow"
    status = HTTPStatus.REQUEST_TIMEOUT


class UnsupportedBodyError(ServiceError):
    """A body that is neither JSON nor a multipart form."""

    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RateLimitedError(ServiceError):
    """A client that asks too often."""

    code = "rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS


class UnavailableError(ServiceError):
    """The service cannot do it now; asking again later may help."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, *, detail: object = None, retry_after: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(message, detail=detail, headers={"Retry-After": str(retry_after)})


class OverloadedError(UnavailableError):
    """As many requests are in work as the service takes."""

    code = "overloaded"


class DeadlineExceededError(UnavailableError):
    """A request's turn did not come in time."""

    code = "deadline_exceeded"


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as it is told to a client: nothing in it is a secret or a place on this machine.

    Attributes:
        status: HTTP status.
        code: short name of the kind of error, for programs.
        message: what was wrong, what was expected, how to mend it.
        detail: JSON values for programs.
        headers: of the answer.
        error: what was raised, for a shape that needs more of it; its own message may name places on this machine.
    """

    status: int
    code: str
    message: str
    detail: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: NearIdError | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How errors of a class are told; ``said`` replaces messages that name files, URLs or passwords of ours."""

    kind: type[NearIdError]
    status: HTTPStatus
    said: str | None = None
    retry: bool = False


# The first rule whose class fits is the one: children stand before their parents.
_RULES = (
    _Rule(ImageTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    _Rule(ImageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    _Rule(DimensionMismatchError, HTTPStatus.CONFLICT),
    _Rule(InvalidInputError, HTTPStatus.BAD_REQUEST),
    _Rule(ExtractorUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "the extractor cannot be loaded here"),
    _Rule(ReRankerUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "the re-ranker cannot be loaded here"),
    _Rule(SpaceNotFoundError, HTTPStatus.NOT_FOUND),
    _Rule(
        SpaceExistsError, HTTPStatus.CONFLICT, "a space of this name is there already: drop it or choose another name"
    ),
    _Rule(FingerprintMismatchError, HTTPStatus.CONFLICT),
    _Rule(NotCalibratedError, HTTPStatus.CONFLICT),
    _Rule(
        PartialWriteError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the store has not confirmed all of this: send the request again, which does no harm",
        retry=True,
    ),
    _Rule(StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "the store cannot be reached: try again", retry=True),
    _Rule(StoreError, HTTPStatus.INTERNAL_SERVER_ERROR, "the store cannot do this: the service's log says why"),
    _Rule(NearIdError, HTTPStatus.INTERNAL_SERVER_ERROR, "this cannot be done: the service's log says why"),
)


def answer_for(error: NearIdError) -> ErrorAnswer:
    """What a client is told of an error.

    >>> answer_for(SpaceNotFoundError("no space named 'bottles': there are milk")).status
    <HTTPStatus.NOT_FOUND: 404>
    """
    if isinstance(error, ServiceError):
        return ErrorAnswer(error.status, error.code, str(error), error.detail, error.headers, error)
    rule = next(rule for rule in _RULES if isinstance(error, rule.kind))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if rule.retry else {}
    return ErrorAnswer(rule.status, error.code, rule.said or str(error), None, headers, error)
