"""Filters of Vearch: one level, one operator, indexed fields only."""

import operator
from typing import Any

from vearch_wire.refusals import need

RANGES = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}
WHOLE = {"integer": 2**31, "long": 2**63}


def check_filters(filters: Any, fields: dict[str, dict[str, Any]]) -> None:
    """Refuses what the router would refuse."""
    need(isinstance(filters, dict) and set(filters) == {"operator", "conditions"}, "filters have another form")
    need(filters["operator"] in ("AND", "OR"), "filter_operator_type_error:operator", code=300, status=400)
    need(bool(filters["conditions"]), "query_param_error:conditions are empty", code=442, status=400)
    for condition in filters["conditions"]:
        need(set(condition) == {"field", "operator", "value"}, "a condition has another form")
        field = fields.get(condition["field"])
        need(field is not None, "field does not exist")
        need("index" in field and field["type"] != "vector", f"field {condition['field']} not set index")
        _check_value(condition, field["type"])


def matches(document: dict[str, Any], filters: dict[str, Any]) -> bool:
    """Whether a document satisfies a filter."""
    results = [_satisfies(document, condition) for condition in filters["conditions"]]
    return all(results) if filters["operator"] == "AND" else any(results)


def _check_value(condition: dict[str, Any], kind: str) -> None:
    value, sign = condition["value"], condition["operator"]
    if kind in ("string", "string_array"):
        need(sign in ("IN", "NOT IN"), "condition_operator_type_error:text", code=301)
        need(isinstance(value, list) and bool(value), "text is compared with a list")
        need(all(isinstance(text, str) for text in value), "a list holds text")
        return
    need(kind != "bool", "booleans cannot be filtered")
    need(sign in RANGES, "condition_operator_type_error:number", code=301)
    need(not isinstance(value, bool) and isinstance(value, int if kind in WHOLE else (int, float)), "wrong type")
    need(kind not in WHOLE or -WHOLE[kind] <= value < WHOLE[kind], "out of range")


def _satisfies(document: dict[str, Any], condition: dict[str, Any]) -> bool:
    held, sign, value = document.get(condition["field"]), condition["operator"], condition["value"]
    if sign in RANGES:
        return held is not None and bool(RANGES[sign](held, value))
    members = held if isinstance(held, list) else [held]
    return bool(set(members) & set(value)) == (sign == "IN")
