"""Filters on metadata as SQL over the table ``images``, exactly as ``filters.matches`` defines them.

A condition looks at the JSON type of the field first, so that ``true`` is not 1 and "7" is not 7. Names and values
travel as parameters; the SQL itself holds nothing that a user wrote.
"""

# The SQL is put together from our own words only; everything given to us travels as a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from util.errors import InvalidInputError
from util.records import Scalar
from util.vector_store.embedded.schema import INDEXED_FIELDS
from util.vector_store.filters import Range, Where, options

Parameter = str | int | float

_INT64 = range(-(2**63), 2**63)
# SQLite reads these from JSON without rounding, so that an index on the field finds them.
_EXACT_IN_INDEX = range(-(2**31), 2**31)
_ENDS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True)
class WhereSql:
    """A filter as the parts of a query over ``images``.

    Attributes:
        source: what stands after FROM; rows of ``images``.
        condition: what stands after WHERE, next to the condition on the space.
        parameters: values of the named parameters other than ``:space``; hashable.
        narrowed: whether an index leads to the few rows that can match, so that the others are not looked at.
    """

    source: str
    condition: str
    parameters: tuple[tuple[str, Parameter], ...]
    narrowed: bool


# Of the indexes that begin with the space this one finds its rows in the order they lie in.
EVERYTHING = WhereSql("images INDEXED BY images_by_space", "TRUE", (), narrowed=False)
"""The filter that all images match."""


def where_sql(where: Where) -> WhereSql:
    """The SQL of a filter.

    Raises:
        InvalidInputError: if a condition compares with what metadata cannot hold.
    """
    source, narrowed = EVERYTHING.source, False
    clauses: list[str] = []
    parameters: dict[str, Parameter] = {}
    for number, (name, condition) in enumerate(where.items()):
        field = _Field(name, f"f{number}")
        if isinstance(condition, Range):
            clauses.append(field.range(condition))
        else:
            allowed = options(condition)
            clauses.append(field.among(allowed))
            if not narrowed and _has_index(name, allowed):
                source, narrowed = field.found_by_index(allowed), True
        parameters |= field.parameters
    return WhereSql(source, " AND ".join(clauses) or EVERYTHING.condition, tuple(parameters.items()), narrowed)


def register_functions(connection: sqlite3.Connection) -> None:
    """Gives a connection the function that the conditions use."""
    connection.create_function("json_real", 2, _json_real, deterministic=True)


def _json_real(metadata: str, name: str) -> float:
    # SQLite may read a decimal off in its last place; Python wrote it and reads it back exactly.
    return float(json.loads(metadata)[name])


def _has_index(name: str, allowed: Sequence[Scalar]) -> bool:
    return name in INDEXED_FIELDS and all(
        isinstance(option, str) or (type(option) is int and option in _EXACT_IN_INDEX) for option in allowed
    )


class _Field:
    """One field of the metadata: writes its conditions and collects their parameters."""

    def __init__(self, name: str, prefix: str) -> None:
        self._name, self._prefix = name, prefix
        self.parameters: dict[str, Parameter] = {}
        if not _storable(name):
            self._type = "NULL"  # no image has such a field
            self._value = self._real = "NULL"
            return
        key = self._bind("name", name)
        if name and name.isprintable() and '"' not in name and "\\" not in name:
            path = self._bind("path", f'$."{name}"')
            self._type, self._value = f"json_type(metadata, {path})", f"json_extract(metadata, {path})"
        else:
            # A JSON path of SQLite has no way to say these names.
            self._type = f"(SELECT type FROM json_each(metadata) WHERE key = {key})"
            self._value = f"(SELECT value FROM json_each(metadata) WHERE key = {key})"
        self._real = f"json_real(metadata, {key})"

    def among(self, allowed: Sequence[Scalar]) -> str:
        """Equal to one of some values."""
        numbers = [_comparable(option) for option in allowed if not isinstance(option, str | bool)]
        texts = self._json("texts", sorted({option for option in allowed if isinstance(option, str)}))
        bound = ", ".join(self._bind(f"number{place}", number) for place, number in enumerate(numbers))
        truths = {option for option in allowed if isinstance(option, bool)}
        return self._by_type(
            text=f"{self._value} IN ({texts})",
            integer=f"{self._value} IN ({bound})",
            real=f"{self._real} IN ({bound})",
            true=str(True in truths).upper(),
            false=str(False in truths).upper(),
            array=f"EXISTS (SELECT 1 FROM json_each({self._value}) AS member WHERE member.value IN ({texts}))",
        )

    def range(self, bounds: Range) -> str:
        """A number between two ends."""
        ends = [
            (operator, self._bind(end, _comparable(value)))
            for end, operator in _ENDS.items()
            if (value := getattr(bounds, end)) is not None
        ]
        return self._by_type(
            integer=" AND ".join(f"{self._value} {operator} {end}" for operator, end in ends),
            real=" AND ".join(f"{self._real} {operator} {end}" for operator, end in ends),
        )

    def found_by_index(self, allowed: Sequence[Scalar]) -> str:
        """The rows that the indexes of the field find: all that can match, and perhaps a few more."""
        wanted = self._json("wanted", allowed)
        value, kind = f"json_extract(metadata, '$.{self._name}')", f"json_type(metadata, '$.{self._name}')"
        # Named, since the planner thinks all indexes that begin with the space equally good.
        single, listed = f"images INDEXED BY images_by_{self._name}", f"images INDEXED BY images_with_{self._name}_list"
        return (
            f"(SELECT key FROM {single} WHERE space = :space AND {value} IN ({wanted}) "
            f"UNION SELECT key FROM {listed} WHERE space = :space AND {kind} = 'array') AS found "
            "CROSS JOIN images USING (key)"
        )

    def _by_type(self, **conditions: str) -> str:
        cases = " ".join(f"WHEN '{kind}' THEN {condition}" for kind, condition in conditions.items())
        return f"CASE {self._type} {cases} ELSE FALSE END"

    def _bind(self, purpose: str, value: Parameter) -> str:
        self.parameters[f"{self._prefix}_{purpose}"] = value
        return f":{self._prefix}_{purpose}"

    def _json(self, purpose: str, values: Iterable[Scalar]) -> str:
        """A list of any length as one parameter; text that no store can hold matches nothing and is left out."""
        kept = [value for value in values if not isinstance(value, str) or _storable(value)]
        return f"SELECT value FROM json_each({self._bind(purpose, json.dumps(kept, ensure_ascii=False))})"


def _comparable(number: int | float) -> int | float:
    """A number that SQLite can be given: whole ones within 64 bits, larger ones where a float holds them exactly."""
    if not isinstance(number, int) or number in _INT64:
        return number
    if abs(number) >= 2**1023 or int(float(number)) != number:
        raise InvalidInputError(f"a filter compares with whole numbers of at most 64 bits, not {number}")
    return float(number)


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
