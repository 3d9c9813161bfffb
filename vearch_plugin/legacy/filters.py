"""``query.filter`` of 2021: terms (or, and, not) and ranges, all of which must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, cast

from util.errors import InvalidInputError
from util.records import Metadata, Scalar
from util.vector_store.filters import Condition, Range, Where, matches
from vearch_plugin.legacy.bodies import as_list, as_object, flag, kind_of
from vearch_plugin.legacy.documents import stored_field
from vearch_plugin.legacy.schema import Schema
from vearch_plugin.legacy.values import Property

Test: TypeAlias = Callable[[Metadata], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents may answer.

    Attributes:
        where: what the store can decide by itself.
        tests: what is left to look at in each document it finds.
    """

    where: Where
    tests: tuple[Test, ...] = ()

    def accepts(self, metadata: Metadata) -> bool:
        """Whether a document that ``where`` let through is one of those asked for."""
        return all(test(metadata) for test in self.tests)


def parse_filter(schema: Schema, given: object) -> Filter:
    """Reads a filter.

    A term without an operator means ``or``. Several conditions on one field are allowed, unlike in a ``Where``: the
    first goes to the store, the others, like ``not``, are looked at afterwards.

    Raises:
        InvalidInputError: if it is no filter, or names a field that the space does not have.
    """
    where: dict[str, Condition] = {}
    tests: list[Test] = []
    for entry in as_list(given, "the filter"):
        conditions = as_object(entry, "a filter")
        if not conditions or conditions.keys() - {"term", "range"}:
            raise InvalidInputError('a filter is {"term": {…}} or {"range": {…}}')
        for condition, test in _read(schema, conditions):
            for name, allowed in condition.items():
                if name in where:
                    tests.append(partial(_satisfies, where={name: allowed}))
                else:
                    where[name] = allowed
            tests += test
    return Filter(where, tuple(tests))


def _read(schema: Schema, conditions: Mapping[str, Any]) -> list[tuple[dict[str, Condition], list[Test]]]:
    read = []
    if conditions.get("term") is not None:
        term = as_object(conditions["term"], "a term")
        operator = term.pop("operator", "or")
        read += [_term(_field(schema, name), values, operator) for name, values in term.items()]
    if conditions.get("range") is not None:
        ends = as_object(conditions["range"], "a range")
        read += [_range(_field(schema, name), bounds) for name, bounds in ends.items()]
    if not read:
        raise InvalidInputError('a filter names a field: {"term": {"FIELD": […]}} or {"range": {"FIELD": {…}}}')
    return read


def _field(schema: Schema, name: str) -> Property:
    if name not in schema.properties:
        raise InvalidInputError(
            f"field:[{name[:80]}] not found in mapping: the space can be filtered by {', '.join(schema.properties)}"
        )
    return schema.properties[name]


def _term(field: Property, given: object, operator: object) -> tuple[dict[str, Condition], list[Test]]:
    values = [_member(field, value) for value in (given if isinstance(given, list) else [given])]
    if not values:
        raise InvalidInputError(f"the term on {field.name!r} is empty: give it a value")
    name = stored_field(field.name)
    chosen = operator.lower() if isinstance(operator, str) else operator
    if chosen == "or":
        return {name: tuple(values)}, []
    if chosen == "and":
        return {name: values[0]}, [partial(_satisfies, where={name: value}) for value in values[1:]]
    if chosen == "not":
        return {}, [partial(_differs, where={name: tuple(values)})]
    raise InvalidInputError('err term filter by operator: it is "and", "or" or "not"')


def _range(field: Property, given: object) -> tuple[dict[str, Condition], list[Test]]:
    bounds = as_object(given, f"the range of {field.name!r}")
    if field.kind in ("text", "boolean"):
        raise InvalidInputError(f"field {field.name!r} holds {field.kind} values: a range needs numbers or dates")
    ends = {end: cast("float", field.scalar(value)) for end, value in _ends(bounds) if value is not None}
    if not ends:
        raise InvalidInputError(f"range param is null: give {field.name!r} one of gt, gte, lt, lte")
    allowed, name = Range(**ends), stored_field(field.name)
    if field.array:  # numbers in arrays are kept as text, which no store compares as numbers
        return {}, [partial(_any_within, name=name, allowed=allowed, field=field)]
    return {name: allowed}, []


def _ends(bounds: Mapping[str, Any]) -> Sequence[tuple[str, object]]:
    unknown = bounds.keys() - {"gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper"}
    if unknown:
        raise InvalidInputError("a range has the ends gt, gte, lt and lte")
    lower = "gte" if flag(bounds.get("include_lower"), "include_lower") else "gt"
    upper = "lte" if flag(bounds.get("include_upper"), "include_upper") else "lt"
    named = {"from": lower, "to": upper}
    return [(named.get(end, end), value) for end, value in bounds.items() if not end.startswith("include_")]


def _member(field: Property, value: object) -> Scalar:
    if isinstance(value, dict | list):
        raise InvalidInputError(f"the term on {field.name!r} holds {kind_of(value)}: give values")
    scalar = field.scalar(value)
    return field.text_of(scalar) if field.array else scalar


def _satisfies(metadata: Metadata, where: Where) -> bool:
    return matches(metadata, where)


def _differs(metadata: Metadata, where: Where) -> bool:
    return not matches(metadata, where)


def _any_within(metadata: Metadata, *, name: str, allowed: Range, field: Property) -> bool:
    members = metadata.get(name)
    return isinstance(members, list) and any(allowed.contains(field.scalar(member)) for member in members)
