"""Bulk requests: one action a line, its document below it."""

import pytest

from util.errors import InvalidInputError
from vearch_plugin.legacy.bulk import Action, parse_bulk


def test_actions_in_order():
    text = b"""
        {"index": {"_id": "v1"}}
        {"keyword": "milk"}

        {"delete": {"_id": "v2"}}
        {"update": {"_id": 3}}
        {"doc": {"keyword": "cream"}}
        {"create": {}}
        {"keyword": "juice"}
    """
    assert parse_bulk(text) == [
        Action("index", "v1", {"keyword": "milk"}),
        Action("delete", "v2", {}),
        Action("update", "3", {"keyword": "cream"}),
        Action("create", None, {"keyword": "juice"}),
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"x", "line 1 of the bulk request is not valid JSON"),
        (b"[]", "line 1 of the bulk request must be a JSON object"),
        (b"{}", "line 1 of the bulk request must hold one action"),
        (b'{"index": {}, "delete": {}}', "must hold one action"),
        (b'{"drop": {"_id": "1"}}', "must hold one action"),
        (b'{"index": "1"}', "the action of line 1 must be a JSON object"),
        (b'{"index": {"_id": [1]}}\n{}', "an _id is text or a whole number"),
        (b'{"delete": {}}', "must say which document"),
        (b'{"index": {"_id": "1"}}\n', "the document below line 1 of the bulk request is missing"),
        (b'{"index": {"_id": "1"}}\n\n[]', "line 3 of the bulk request must be a JSON object"),
        (b'{"update": {"_id": "1"}}\n{"doc": 1}', "the doc of line 2 must be a JSON object"),
    ],
)
def test_what_is_no_bulk_request_is_refused(text, part):
    with pytest.raises(InvalidInputError, match=part):
        parse_bulk(text)
