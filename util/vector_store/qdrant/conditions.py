"""NearID's filters as Qdrant's, exactly: what one matches the other matches."""

from __future__ import annotations

import math
import operator
import sys

from qdrant_client import models

from util.records import Scalar
from util.vector_store.filters import Condition, Range, Where, options
from util.vector_store.qdrant.numbers import parts
from util.vector_store.qdrant.points import HIGH, LOW, TERMS, number_key, term

EQUALITY = {TERMS: models.PayloadSchemaType.KEYWORD}
"""The index that finds equal values of any field."""

# No image has an empty term.
_NOTHING = models.FieldCondition(key=TERMS, match=models.MatchAny(any=[""]))
_NEGATED = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}
_OPERATORS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def as_filter(where: Where | None) -> models.Filter | None:
    """A filter on images as one on points.

    Raises:
        InvalidInputError: if a condition compares with something that no filter compares with.
    """
    if not where:
        return None
    conditions: list[models.Condition] = []
    for name, condition in where.items():
        conditions += _conditions(name, condition)
    return models.Filter(must=conditions)


def compared_fields(where: Where | None) -> dict[str, models.PayloadSchemaType]:
    """What a filter compares in the payload, and by what kind of index it is found quickly."""
    compared = {}
    for name, condition in (where or {}).items():
        if isinstance(condition, Range):
            compared[number_key(HIGH, name)] = models.PayloadSchemaType.FLOAT
        else:
            compared |= EQUALITY
    return compared


def _conditions(name: str, condition: Condition) -> list[models.Condition]:
    if isinstance(condition, Range):
        bounds = {end: getattr(condition, end) for end in _NEGATED}
        return [_compared(name, end, bound) for end, bound in bounds.items() if bound is not None]
    terms = [term(name, option) for option in options(condition) if _comparable(option)]
    return [models.FieldCondition(key=TERMS, match=models.MatchAny(any=terms)) if terms else _NOTHING]


def _comparable(option: Scalar) -> bool:
    """Whether a stored value can equal it: not infinity, not NaN, and not a number too long to be written."""
    return isinstance(option, str) or abs(option) <= sys.float_info.max


def _compared(name: str, end: str, bound: float) -> models.Condition:
    """Numbers on the right side of one end of a range."""
    near = _representable(bound, end)
    if not math.isfinite(near):
        # Every number is on the right side of an infinite end, or none is; none compares with NaN.
        return _high(name, gte=0) if _OPERATORS[end](0.0, near) else _NOTHING
    end = end if near == bound else end[:2] + "e"
    high, low = parts(near)
    same = _high(name, gte=high, lte=high)
    # A low part of 0 is not stored: where 0 is on the right side, what is not may be excluded only.
    if _OPERATORS[end](0, low):
        equal = models.Filter(must=[same], must_not=[_low(name, _NEGATED[end], low)])
    else:
        equal = models.Filter(must=[same, _low(name, end, low)])
    return models.Filter(should=[_high(name, **{end[:2]: high}), equal])


def _representable(bound: int | float, end: str) -> int | float:
    """The bound itself where a stored number can equal it, else the next float on the right side of it."""
    if isinstance(bound, float):
        return bound
    whole = int(bound)
    if -(2**63) <= whole < 2**63:
        return whole
    up = end.startswith("g")
    try:
        near = float(whole)
    except OverflowError:
        near = math.inf if whole > 0 else -math.inf
    return math.nextafter(near, math.inf if up else -math.inf) if (near < whole if up else near > whole) else near


def _high(name: str, **ends: int) -> models.FieldCondition:
    return models.FieldCondition(key=number_key(HIGH, name), range=models.Range(**ends))


def _low(name: str, end: str, bound: int) -> models.FieldCondition:
    return models.FieldCondition(key=number_key(LOW, name), range=models.Range(**{end: bound}))
