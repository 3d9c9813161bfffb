"""The body of ``_search``: what is looked for, how many, and how the answer shall look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from util.errors import InvalidInputError
from vearch_plugin.legacy.bodies import as_list, as_object, flag, kind_of
from vearch_plugin.legacy.documents import Feature, parse_feature
from vearch_plugin.legacy.filters import Filter, parse_filter
from vearch_plugin.legacy.schema import Schema

DEFAULT_SIZE = 50
"""Hits where the program does not say: Vearch 3.2's own number."""

MAX_SIZE = 10_000
"""The most hits of one answer."""

_FORMATS = {"normalization": True, "normal": True, "no": False}


@dataclass(frozen=True, slots=True)
class Query:
    """What a program looks for.

    Attributes:
        feature: the vector or image.
        filter: which documents may answer.
        size: the most hits.
        low: the smallest cosine similarity of a hit.
        high: the largest.
        boost: what scores are multiplied by, after the bounds were applied.
        fields: which fields ``_source`` shows; all where ``None``.
        with_vector: whether ``_source`` shows the vector too.
    """

    feature: Feature
    filter: Filter
    size: int = DEFAULT_SIZE
    low: float = -math.inf
    high: float = math.inf
    boost: float = 1.0
    fields: tuple[str, ...] | None = None
    with_vector: bool = False


def parse_query(schema: Schema, body: Mapping[str, Any], *, size: str | None = None) -> Query:
    """Reads a search.

    How the server looked (``is_brute_search``, ``retrieval_param``, ``quick``, …) is not NearID's question: each of
    its spaces knows how it is searched. These fields are accepted and make no difference.

    Args:
        schema: of the space.
        body: of the request.
        size: number of hits in the URL, which wins over the body's.

    Raises:
        InvalidInputError: if a part of it cannot be used.
    """
    query = as_object(body.get("query"), "the query")
    vector = _one_vector(schema, query)
    _check_order(schema, body.get("sort"))
    low, high = _bounds(vector)
    scored = schema.vector.cosines(low, high)
    return Query(
        feature=parse_feature(schema, vector.get("feature"), normalize=_normalize(vector)),
        filter=parse_filter(schema, query.get("filter")),
        size=parse_size(size if size is not None else body.get("size")),
        low=scored[0],
        high=scored[1],
        boost=_number(vector, "boost", 1.0),
        fields=parse_fields(body.get("fields")),
        with_vector=flag(body.get("vector_value"), "vector_value"),
    )


def parse_size(given: object) -> int:
    """How many hits are wanted.

    Raises:
        InvalidInputError: if it is no whole number from 1 to ``MAX_SIZE``.

    >>> parse_size("7"), parse_size(None)
    (7, 50)
    """
    if given is None:
        return DEFAULT_SIZE
    text = given if isinstance(given, str) else repr(given) if isinstance(given, int) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MAX_SIZE):
        raise InvalidInputError(f"the size of an answer is a whole number from 1 to {MAX_SIZE}")
    return int(text)


def parse_fields(given: object) -> tuple[str, ...] | None:
    """Which fields are to be shown; ``None``, which stands for all, where the program does not say.

    Raises:
        InvalidInputError: if it is no list of names.
    """
    names = as_list(given, "fields")
    if not all(isinstance(name, str) for name in names):
        raise InvalidInputError("fields is a list of names")
    return tuple(names) or None


def _one_vector(schema: Schema, query: Mapping[str, Any]) -> dict[str, Any]:
    entries = as_list(query.get("sum"), "query.sum") or as_list(query.get("and"), "query.and")
    if len(entries) != 1:
        raise InvalidInputError(
            f'a query has {{"sum": [{{"field": "{schema.vector.name}", "feature": …}}]}} '
            f"with one vector, not {len(entries)}"
        )
    entry = as_object(entries[0], "query.sum[0]")
    if entry.get("field") != schema.vector.name:
        raise InvalidInputError(f"query has err for field: the vector field of the space is {schema.vector.name!r}")
    return entry


def _check_order(schema: Schema, sort: object) -> None:
    """Refuses orders other than that of the answers: best first."""
    best_first = "desc" if schema.vector.metric == "InnerProduct" else "asc"
    if any(order not in ("_score", {"_score": {"order": best_first}}) for order in as_list(sort, "sort")):
        raise InvalidInputError(f'hits are sorted by "_score" only, {best_first}ending: the best ones first')


def _normalize(vector: Mapping[str, Any]) -> bool:
    form = vector.get("format", "no")
    if not isinstance(form, str) or form not in _FORMATS:
        raise InvalidInputError(f"unknow vector process format: it is one of {', '.join(_FORMATS)}")
    return _FORMATS[form]


def _bounds(vector: Mapping[str, Any]) -> tuple[float, float]:
    """Between which raw scores hits lie: ``min_score`` and ``max_score``, or ``symbol`` and ``value``."""
    low, high = _number(vector, "min_score", -math.inf), _number(vector, "max_score", math.inf)
    if vector.get("value") is None:
        return low, high
    value = _number(vector, "value", 0.0)
    bounds = {
        ">=": (value, high),
        ">": (math.nextafter(value, math.inf), high),
        "<=": (low, value),
        "<": (low, math.nextafter(value, -math.inf)),
    }
    symbol = vector.get("symbol")
    if not isinstance(symbol, str) or symbol.strip() not in bounds:
        raise InvalidInputError("symbol value unknow: it is one of >, >=, <, <=")
    return bounds[symbol.strip()]


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
        raise InvalidInputError(f"{name} is a finite number, not {kind_of(value)}")
    return float(value)
