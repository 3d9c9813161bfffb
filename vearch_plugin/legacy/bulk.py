"""The lines of ``_bulk``: an action, and for all but a deletion the document below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from util.errors import InvalidInputError
from vearch_plugin.legacy.bodies import as_object, read_object

ActionKind: TypeAlias = Literal["index", "create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        kind: ``index`` writes a document, ``create`` too, ``update`` changes fields of one, ``delete`` removes it.
        id: the document's; ``None`` where a new one is to be made up.
        body: the document; empty for a deletion.
    """

    kind: ActionKind
    id: str | None
    body: dict[str, Any]


def parse_bulk(text: bytes) -> list[Action]:
    r"""The actions of a request, in its order.

    Args:
        text: one JSON object a line; empty lines do not count.

    Raises:
        InvalidInputError: if a line is no JSON object or no known action, or a document is missing.

    >>> parse_bulk(b'{"index": {"_id": "7"}}\n{"keyword": "milk"}\n')
    [Action(kind='index', id='7', body={'keyword': 'milk'})]
    """
    lines = ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    actions = list(_actions(lines))
    if not actions:
        raise InvalidInputError("the bulk request is empty: send one action a line, and its document on the next")
    return actions


def parse_id(given: object) -> str | None:
    """A document's id as text; ``None`` where there is none.

    Raises:
        InvalidInputError: if it is neither text nor a whole number.

    >>> parse_id(7), parse_id("")
    ('7', None)
    """
    if given is None or given == "":
        return None
    if isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return repr(given)
    raise InvalidInputError("an _id is text or a whole number")


def _actions(lines: Iterator[tuple[int, bytes]]) -> Iterator[Action]:
    for number, line in lines:
        action = read_object(line, f"line {number} of the bulk request")
        kind = next(iter(action), "")
        if len(action) != 1 or kind not in get_args(ActionKind):
            raise InvalidInputError(
                f"line {number} of the bulk request must hold one action: {', '.join(get_args(ActionKind))}"
            )
        id_ = parse_id(as_object(action[kind], f"the action of line {number}").get("_id"))
        if kind in ("update", "delete") and id_ is None:
            raise InvalidInputError(f"line {number} of the bulk request must say which document: give it an _id")
        yield Action(cast("ActionKind", kind), id_, {} if kind == "delete" else _document(lines, number))


def _document(lines: Iterator[tuple[int, bytes]], action_line: int) -> dict[str, Any]:
    following = next(lines, None)
    if following is None:
        raise InvalidInputError(f"the document below line {action_line} of the bulk request is missing")
    number, line = following
    body = read_object(line, f"line {number} of the bulk request")
    return as_object(body["doc"], f"the doc of line {number}") if set(body) == {"doc"} else body
