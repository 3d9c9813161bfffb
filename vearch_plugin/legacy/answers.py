"""The shapes in which the plugin and the server behind it answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vearch_plugin.legacy.errors import MasterError

ERROR_STATUS = 551
"""HTTP status of everything the plugin could not do; its text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies: ``_index`` and ``_type`` of every answer about one.

    Attributes:
        database: name of the database.
        space: name of the space in it.
        long_ids: whether its ids are told as numbers.
    """

    database: str
    space: str
    long_ids: bool = False

    def document(self, id_: str, **more: object) -> dict[str, Any]:
        """An answer about a document of this space."""
        return {"_index": self.database, "_type": self.space, "_id": self._told(id_), **more}

    def _told(self, id_: str) -> str | int:
        # Documents that came in by another way than these routes may have other ids.
        return int(id_) if self.long_ids and id_.isascii() and id_.removeprefix("-").isdecimal() else id_


def as_json(answer: object) -> bytes:
    """An answer as it is sent: pure ASCII, since not all text that JSON can hold is valid Unicode."""
    return json.dumps(answer).encode()


def success(data: object = None) -> dict[str, Any]:
    """What the master said when something was done.

    >>> success(), success([])
    ({'code': 200, 'msg': 'success'}, {'code': 200, 'msg': 'success', 'data': []})
    """
    return {"code": 200, "msg": "success"} | ({} if data is None else {"data": data})


def refusal(error: MasterError) -> dict[str, Any]:
    """What the master said when it was not."""
    return {"code": error.master_code, "msg": str(error)}


def written(place: Place, id_: str, *, status: int, result: str) -> dict[str, Any]:
    """A document that was written or removed; ``status`` is 200 for an id the program gave, 201 for one made up."""
    shards = {"total": 1, "successful": 1, "failed": 0}
    return place.document(
        id_, status=status, _version=1, _shards=shards, result=result, _seq_no=1, _primary_term=1
    )  # fmt: skip


def found(place: Place, id_: str, source: Mapping[str, Any] | None) -> dict[str, Any]:
    """A document that was asked for by its id; without a source there is none."""
    if source is None:
        return place.document(id_, found=False)
    return place.document(id_, found=True, _version=1, _source=source)


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    """A hit as it is shown.

    Attributes:
        id: its id.
        score: as the program's metric and boost have it.
        source: its fields.
        vector_source: what was written beside its vector.
    """

    id: str
    score: float
    source: Mapping[str, Any]
    vector_source: str


def hits(place: Place, field: str, scored: Sequence[ScoredDocument], *, took_ms: int) -> dict[str, Any]:
    """The answer to a search.

    Args:
        place: where was looked.
        field: the vector field.
        scored: the hits, best first.
        took_ms: how long it took.

    Returns:
        The answer; ``total`` counts the hits it holds.
    """
    return {
        "took": took_ms,
        "timed_out": False,
        "_shards": {"total": 1, "failed": 0, "successful": 1},
        "hits": {
            "total": len(scored),
            "max_score": max((hit.score for hit in scored), default=0.0),
            "hits": [_hit(place, field, hit) for hit in scored],
        },
    }


def _hit(place: Place, field: str, hit: ScoredDocument) -> dict[str, Any]:
    result = {"field": field, "source": hit.vector_source, "score": hit.score}
    return place.document(
        hit.id, _score=hit.score, _extra={"vector_result": [result]}, _version=1, _source=hit.source
    )  # fmt: skip
