"""Filters on metadata: equality, membership, ranges; all conditions must hold.

A filter is a mapping from a field to what its value must be:

* a scalar: equal to it (``{"item": "milk"}``);
* a list, tuple or set of scalars: one of them (``{"item": ["milk", "cream"]}``);
* a :class:`Range`: between its ends (``{"year": Range(gte=1900, lt=1950)}``).

A field whose value is a list of strings (tags) matches if any of its members does. An image without the field
matches nothing. Numbers compare with numbers only, and ``True`` is not 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from util.errors import InvalidInputError
from util.records import Metadata, MetadataValue, Scalar

_FIELD = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_CONDITION = re.compile(rf"^\s*({_FIELD})\s*(<=|>=|<|>|=)\s*(.*?)\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends; leave an end out to leave it open.

    >>> Range(gte=3).contains(3), Range(gt=3).contains(3), Range(gte=0, lt=1).contains("x")
    (True, False, False)
    """

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def __post_init__(self) -> None:
        if self.gt is self.gte is self.lt is self.lte is None:
            raise InvalidInputError("a range needs at least one of gt, gte, lt, lte")

    def contains(self, value: MetadataValue) -> bool:
        """Whether a stored value is a number inside."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (
            (self.gt is None or value > self.gt)
            and (self.gte is None or value >= self.gte)
            and (self.lt is None or value < self.lt)
            and (self.lte is None or value <= self.lte)
        )


Condition: TypeAlias = Scalar | Collection[Scalar] | Range
Where: TypeAlias = Mapping[str, Condition]


def matches(metadata: Metadata, where: Where) -> bool:
    """Whether the metadata of one image satisfies a filter: the definition every store is tested against.

    >>> matches({"item": "milk", "year": 1999}, {"item": ["milk", "cream"], "year": Range(lt=2000)})
    True
    >>> matches({"tags": ["dented", "red"]}, {"tags": "red"})
    True
    """
    return all(_satisfies(metadata.get(name), condition) for name, condition in where.items())


def _satisfies(value: MetadataValue, condition: Condition) -> bool:
    if value is None:
        return False
    if isinstance(value, list):
        return any(_satisfies(member, condition) for member in value)
    if isinstance(condition, Range):
        return condition.contains(value)
    return any(isinstance(value, bool) == isinstance(option, bool) and value == option for option in options(condition))


def options(condition: Scalar | Collection[Scalar]) -> tuple[Scalar, ...]:
    """The values that a condition of equality or membership allows.

    >>> options("milk"), options(["milk", 7])
    (('milk',), ('milk', 7))

    Raises:
        InvalidInputError: if it is neither a scalar nor a collection of scalars.
    """
    if isinstance(condition, str | int | float):
        return (condition,)
    if isinstance(condition, Collection) and not isinstance(condition, Mapping | bytes):
        allowed = tuple(condition)
        if all(isinstance(option, str | int | float) for option in allowed):
            return allowed
    raise InvalidInputError(
        f"a filter compares with text, numbers, booleans, a list of them or a Range, not with {condition!r}"
    )


def parse_where(conditions: Sequence[str]) -> dict[str, Condition]:
    """A filter from the words of a command line.

    ``field=value`` is equality, ``field=a,b`` membership, ``field>=3`` and its kin a range; two ends of one field
    may be given apart. A word that reads as a number (or as ``true`` or ``false``) matches both that value and the
    same text, since a label may be "7"; in double quotes it is text only.

    >>> parse_where(["item=milk", "year>=1900", "year<1950", 'code="007"', "size=7"])
    {'item': 'milk', 'code': '007', 'size': (7, '7'), 'year': Range(gt=None, gte=1900, lt=1950, lte=None)}

    Raises:
        InvalidInputError: if a condition has another form or contradicts an earlier one.
    """
    ends = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
    where: dict[str, Condition] = {}
    ranges: dict[str, dict[str, float]] = {}
    for text in conditions:
        match = _CONDITION.match(text)
        if match is None:
            raise InvalidInputError(f"cannot read the filter {text!r}: write field=value, field=a,b or field>=number")
        name, operator, written = match.groups()
        if operator == "=":
            if name in where or name in ranges:
                raise InvalidInputError(f"the filter names {name!r} twice: join its values by commas ({name}=a,b)")
            options = _options(written)
            if not options:
                raise InvalidInputError(f"the filter {text!r} has no value: write {name}=value")
            where[name] = options[0] if len(options) == 1 else tuple(options)
            continue
        if not _NUMBER.match(written):
            raise InvalidInputError(f"cannot read the filter {text!r}: {operator} needs a number, not {written!r}")
        if name in where or ends[operator] in ranges.get(name, {}):
            raise InvalidInputError(f"the filter gives {name!r} the same condition twice")
        ranges.setdefault(name, {})[ends[operator]] = _number(written)
    return where | {name: Range(**bounds) for name, bounds in ranges.items()}


def _options(text: str) -> list[Scalar]:
    return [option for part in re.findall(r'"[^"]*"|[^,]+', text) for option in _readings(part.strip())]


def _readings(text: str) -> tuple[Scalar, ...]:
    """What a person may mean by a word: ``7`` is the number 7 or the label "7"."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return (text[1:-1],)
    if text in ("true", "false"):
        return (text == "true", text)
    if _NUMBER.match(text):
        return (_number(text), text)
    return (text,)


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
