"""From the service's answers to NearID's errors: the same classes, with the service's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from util.errors import (
    DimensionMismatchError,
    ExtractorUnavailableError,
    FingerprintMismatchError,
    InvalidInputError,
    NearIdError,
    NotCalibratedError,
    SpaceExistsError,
    SpaceNotFoundError,
    StoreError,
    StoreUnavailableError,
    UnknownExtractorError,
)


class ServiceUnreachableError(NearIdError):
    """The service cannot be reached, or what answers is no NearID service."""

    code = "service_unreachable"


class ServiceRefusedError(NearIdError):
    """The service will not, or cannot now, do what was asked.

    Attributes:
        status: HTTP status of its answer.
        service_code: its short name for the error, such as ``unauthorized`` or ``overloaded``.
        detail: JSON values that it gave besides; ``None`` where it gave none.
    """

    code = "service_refused"

    def __init__(self, message: str, *, status: int, service_code: str, detail: object = None) -> None:
        super().__init__(message)
        self.status, self.service_code, self.detail = status, service_code, detail

    def __reduce__(self) -> tuple[Callable[..., ServiceRefusedError], tuple[str, int, str, object]]:
        return _refused, (str(self), self.status, self.service_code, self.detail)


class RemoteFingerprintMismatchError(FingerprintMismatchError):
    """What a service said of embeddings that do not compare with those of its space."""

    def __init__(self, message: str) -> None:
        NearIdError.__init__(self, message)

    def __reduce__(self) -> tuple[type[RemoteFingerprintMismatchError], tuple[str]]:  # type: ignore[override]
        return type(self), (str(self),)


_SAME_WORDS: Mapping[str, type[NearIdError]] = {
    kind.code: kind
    for kind in (
        DimensionMismatchError,
        ExtractorUnavailableError,
        InvalidInputError,
        NotCalibratedError,
        SpaceExistsError,
        SpaceNotFoundError,
        StoreError,
        StoreUnavailableError,
        UnknownExtractorError,
        RemoteFingerprintMismatchError,
    )
} | {"invalid_fields": InvalidInputError, "invalid_request": InvalidInputError}


def error_of(status: int, body: object) -> NearIdError:
    """The error that an answer tells of.

    Args:
        status: HTTP status.
        body: the answer's JSON; ``None`` where it is none.

    >>> error_of(404, {"error": {"code": "space_not_found", "message": "no space named 'milk'", "detail": None}})
    SpaceNotFoundError("no space named 'milk'")
    """
    told = told_error(body)
    if told is None:
        return ServiceUnreachableError(f"HTTP {status} without NearID's error body: is this the service's URL?")
    code, message = str(told.get("code")), str(told["message"])
    if code in _SAME_WORDS:
        return _SAME_WORDS[code](message + _problems(told.get("detail")))
    return ServiceRefusedError(message, status=status, service_code=code, detail=told.get("detail"))


def told_error(body: object) -> Mapping[str, Any] | None:
    """The error in an answer's JSON; ``None`` where it has none of the service's shape."""
    told = body.get("error") if isinstance(body, Mapping) else None
    return told if isinstance(told, Mapping) and "message" in told else None


def _problems(detail: object) -> str:
    """The first field that the service found wrong, in words."""
    first = detail[0] if isinstance(detail, list) and detail else None
    if not isinstance(first, Mapping):
        return ""
    where = ".".join(str(part) for part in first.get("where", ()))
    return f": {where}: {first.get('message', '')}"


def _refused(message: str, status: int, service_code: str, detail: object) -> ServiceRefusedError:
    return ServiceRefusedError(message, status=status, service_code=service_code, detail=detail)
