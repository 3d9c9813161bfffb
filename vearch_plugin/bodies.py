"""The body of a request: JSON, or a multipart form with image files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from vearch_plugin.error_answers import problems
from vearch_plugin.errors import BadRequestError, InvalidFieldsError, UnsupportedBodyError

_Model = TypeVar("_Model", bound=BaseModel)

FILE_FIELD = "image"
_FIELDS_WITH_JSON = frozenset({"where", "metadata"})
_MOST_FIELDS_AN_IMAGE = 4
_LONGEST_FIELD = 1 << 20
_LONGEST_FILE_NAME = 200


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a form: what its sender calls it, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What came with a request, not yet understood.

    Attributes:
        json: the bytes of a JSON body; ``None`` for a form.
        files: of a form, in order.
        fields: the other fields of a form, each with its values in order.
    """

    json: bytes | None = None
    files: tuple[UploadedFile, ...] = ()
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parsed(self, model: type[_Model]) -> _Model:
        """The JSON body as a model.

        Raises:
            InvalidFieldsError: if it is no JSON, or has other fields.
        """
        try:
            return model.model_validate_json(self.json or b"")
        except ValidationError as error:
            raise _invalid(error) from None

    def options(self, model: type[_Model], *, but: Sequence[str] = ()) -> _Model:
        """The single fields of a form as a model.

        Args:
            model: what they must fit.
            but: fields that are not among them.

        Raises:
            InvalidFieldsError: if they do not fit.
        """
        given: dict[str, Any] = {}
        for name, values in self.fields.items():
            if name not in but:
                if len(values) > 1:
                    raise InvalidFieldsError(f"the field {name!r} is given {len(values)} times: give it once")
                given[name] = field_value(name, values[0])
        return validated(model, given)


async def read_body(request: Request, *, most_images: int) -> Body:
    """Reads the body of a request; its size and speed are watched elsewhere.

    Raises:
        UnsupportedBodyError: if it is neither JSON nor a form.
        BadRequestError: if a form is malformed, or the connection broke off.
        InvalidFieldsError: if there are more files or fields than may be.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return Body(json=await request.body())
        if kind == "multipart/form-data":
            return await _read_form(request, most_images)
    except ClientDisconnect:
        raise BadRequestError("the connection broke off before the body had arrived") from None
    raise UnsupportedBodyError("send application/json, or multipart/form-data with files in the field 'image'")


def field_value(name: str, text: str) -> object:
    """The value of a form's field: text, or what JSON says in those fields that hold it.

    Raises:
        InvalidFieldsError: if it should be JSON and is not.
    """
    if name not in _FIELDS_WITH_JSON:
        return text
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidFieldsError(f"the field {name!r} is not JSON: {error}") from None


def validated(model: type[_Model], given: Mapping[str, object]) -> _Model:
    """Values as a model.

    Raises:
        InvalidFieldsError: if they do not fit.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None


async def _read_form(request: Request, most_images: int) -> Body:
    # The parser's own limits are one higher than ours, so that it is we who say what is wrong.
    most_fields = _MOST_FIELDS_AN_IMAGE * (most_images + 1)
    files: list[UploadedFile] = []
    fields: dict[str, list[str]] = {}
    try:
        async with request.form(
            max_files=most_images + 1, max_fields=most_fields, max_part_size=_LONGEST_FIELD
        ) as form:
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    fields.setdefault(name, []).append(value)
                elif name == FILE_FIELD:
                    files.append(UploadedFile(_file_name(value), await value.read()))
                else:
                    raise InvalidFieldsError(f"files come in the field {FILE_FIELD!r}, not {name[:100]!r}")
    except MultiPartException as error:
        raise BadRequestError(f"the form is malformed: {error.message}") from None
    return Body(files=tuple(files), fields=fields)


def _file_name(upload: UploadFile) -> str:
    name = "".join(character for character in upload.filename or "" if character.isprintable())
    return name[:_LONGEST_FILE_NAME]


def _invalid(error: ValidationError) -> InvalidFieldsError:
    return InvalidFieldsError("the request has invalid fields", detail=problems(error.errors(include_context=False)))
