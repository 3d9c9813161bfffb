"""Values of a document's fields: from 2021's types to metadata, and back.

Metadata knows text, numbers, booleans and lists of text. So a date is kept as its milliseconds since 1970 and an array
of numbers as a list of their texts; the schema says how to read them again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from util.errors import InvalidInputError
from util.records import MetadataValue, Scalar
from vearch_plugin.legacy.bodies import kind_of

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "date"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys(("keyword", "string", "text"), "text"),
        **dict.fromkeys(("integer", "int", "long", "short", "byte"), "integer"),
        **dict.fromkeys(("float", "double"), "number"),
        **dict.fromkeys(("bool", "boolean"), "boolean"),
        "date": "date",
    }
)
"""What the types of 2021's schemas hold."""


_WHOLE = re.compile(r"[+-]?\d{1,20}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS_1_TO_9999 = range(-62_135_596_800_000, 253_402_300_800_000)


@dataclass(frozen=True, slots=True)
class Property:
    """A field of a document other than its vector.

    Attributes:
        name: its name.
        kind: what it holds.
        array: whether it holds several.
    """

    name: str
    kind: Kind
    array: bool = False

    def store(self, value: object) -> MetadataValue:
        """What is kept of a value.

        Raises:
            InvalidInputError: if the field cannot hold it.

        >>> Property("views", "integer").store("7"), Property("tags", "text", array=True).store("red")
        (7, ['red'])
        """
        if not self.array:
            return self.scalar(value)
        members = value if isinstance(value, list) else [value]
        return [self.text_of(self.scalar(member)) for member in members]

    def load(self, value: MetadataValue) -> Any:
        """The value as it was given, from what is kept of it.

        >>> Property("day", "date").load(86_400_000), Property("sizes", "integer", array=True).load(["4", "2"])
        ('1970-01-02T00:00:00Z', [4, 2])
        """
        if isinstance(value, list):
            return [self.load(self.scalar(member)) for member in value]
        if self.kind == "date" and isinstance(value, int):
            return (_EPOCH + timedelta(milliseconds=value)).isoformat().replace("+00:00", "Z")
        return value

    def scalar(self, value: object) -> Scalar:
        """One value, in the form that is kept and compared.

        Raises:
            InvalidInputError: if the field cannot hold it.
        """
        readers = {"text": _text, "integer": _integer, "number": _number, "boolean": _boolean, "date": _date}
        read = readers[self.kind](value)
        if read is None:
            raise InvalidInputError(f"field {self.name!r} holds {self.kind} values and cannot take {kind_of(value)}")
        return read

    def text_of(self, value: Scalar) -> str:
        """How a member of an array is kept."""
        return value if isinstance(value, str) else repr(value)


def _text(value: object) -> str | None:
    # The server of 2021 dropped a number given for a keyword without a word; its text says as much and loses nothing.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    if isinstance(value, str):
        value = int(value) if _WHOLE.fullmatch(value) else _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(2**63) <= value < 2**63:
        return None
    return int(value) if value == int(value) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: object) -> int | None:
    """Milliseconds since 1970; text without a time zone is UTC."""
    milliseconds = _milliseconds_of(value) if isinstance(value, str) else None
    if milliseconds is None:
        milliseconds = _integer(value)
    return milliseconds if milliseconds is not None and milliseconds in _YEARS_1_TO_9999 else None


def _milliseconds_of(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
