"""One space in Vearch: what can be asked of it, in Vearch's words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from util.errors import StoreError, StoreUnavailableError
from util.vector_store.vearch.answers import DB_MISSING, SPACE_EXISTS, SPACE_MISSING, VearchError, refusal
from util.vector_store.vearch.client import VearchClient
from util.vector_store.vearch.documents import Document, numbers
from util.vector_store.vearch.schema import METRIC, SLOT, TERMS, VECTOR

RawDocument = dict[str, Any]
Filter = dict[str, object]

MOST_IDS = 499
"""Vearch refuses more ids than this in one request."""
# There is a 2, said to scan only where an index is not built yet; in 3.5.8 and 3.5.9 it scans always, as 1 does.
BY_INDEX, BY_SCAN = 0, 1
_NOT_BUILT = 461
# Making a space makes its partitions on every server that holds one.
_CREATION = 60.0
_POLL = 0.2


class RemoteSpace:
    """A space of a database.

    Args:
        client: the way to the router.
        database: name of the database.
        name: Vearch's name of the space.
    """

    def __init__(self, client: VearchClient, database: str, name: str) -> None:
        self._client = client
        self._spaces = f"/dbs/{database}/spaces"
        self._path = f"{self._spaces}/{name}"
        self._address = {"db_name": database, "space_name": name}
        self.name = name

    def create(self, schema: dict[str, object]) -> bool:
        """Makes the space; says whether it was not there."""
        try:
            self._client.send("POST", self._spaces, json.dumps(schema), patience=max(self._client.timeout, _CREATION))
        except VearchError as error:
            if error.number == SPACE_EXISTS:
                return False
            raise
        return True

    def describe(self) -> dict[str, Any] | None:
        """What Vearch knows of the space; ``None`` if it is not there."""
        try:
            described = self._client.send("GET", self._path)
        except VearchError as error:
            if error.number in (SPACE_MISSING, DB_MISSING):
                return None
            raise
        if not isinstance(described, dict) or not isinstance(described.get("doc_num"), int):
            raise StoreError(f"{self._client.server} describes its space {self.name!r} in a way that cannot be read")
        return described

    def describe_whole(self) -> dict[str, Any] | None:
        """What Vearch knows of the space once all its partitions answer: what is away is not counted.

        Raises:
            StoreUnavailableError: if some stay away.
        """
        give_up = time.monotonic() + self._client.timeout
        while (described := self.describe()) is not None and not _is_whole(described):
            if time.monotonic() > give_up:
                trouble = "; ".join(map(str, described.get("errors") or ["no leader"]))
                raise StoreUnavailableError(
                    f"{self._client.server} cannot reach all of its space {self.name!r} ({trouble}): see to the cluster"
                )
            time.sleep(_POLL)
        return described

    def drop(self) -> None:
        """Removes the space, if it is there."""
        try:
            self._client.send("DELETE", self._path)
        except VearchError:
            if self.describe() is not None:
                raise

    def upsert(self, documents: Sequence[Document]) -> list[StoreError | None]:
        """Writes documents; says of each what was wrong, or nothing where the server confirmed it."""
        listed = ",".join(document.json for document in documents)
        answer = self._post("upsert", f'{json.dumps(self._address)[:-1]}, "documents": [{listed}]}}')
        entries = _list(answer, "document_ids")
        outcomes = [self._outcome(document, entry) for document, entry in zip(documents, entries, strict=False)]
        unanswered = StoreError(f"{self._client.server} says nothing of it")
        outcomes += [unanswered] * (len(documents) - len(outcomes))
        confirmed = sum(outcome is None for outcome in outcomes)
        if int(answer.get("total", confirmed)) < confirmed:
            # It wrote fewer than it names: there is no telling which.
            return [unanswered] * len(documents)
        return outcomes

    def of_ids(self, ids: Sequence[str], *, fields: Sequence[str]) -> dict[str, RawDocument]:
        """Those of at most 499 documents that are there, with some of their fields."""
        request = {**self._address, "document_ids": list(ids), "fields": list(fields), "load_balance": "leader"}
        found = _list(self._post("query", json.dumps(request)), "documents")
        return {document["_id"]: document for document in found if not self._missing(document)}

    def matching(self, conditions: Filter, *, limit: int, fields: Sequence[str]) -> list[RawDocument]:
        """Documents that match a filter, in no order; there may be more if ``limit`` are given."""
        request = {
            **self._address,
            "filters": conditions,
            "limit": limit,
            "fields": list(fields),
            "load_balance": "leader",
        }
        return [found for found in _list(self._post("query", json.dumps(request)), "documents") if "code" not in found]

    def search(
        self,
        vectors: NDArray[np.float32],
        *,
        limit: int,
        conditions: Filter | None,
        brute_force: int,
        parameters: dict[str, int],
        fields: Sequence[str],
    ) -> list[list[RawDocument]]:
        """The documents nearest to each of (Q, D) vectors.

        Where an index is asked that is not built yet, all documents are looked at instead.
        """
        request = {
            **self._address,
            "limit": limit,
            "load_balance": "leader",
            "fields": list(fields),
            "index_params": {"metric_type": METRIC, **parameters},
        }
        if conditions is not None:
            request["filters"] = conditions
        start = json.dumps(request)[:-1]
        asked = f'"vectors": [{{"field": "{VECTOR}", "feature": [{numbers(vectors)}]}}]'
        try:
            answer = self._post("search", f'{start}, "is_brute_search": {brute_force}, {asked}}}')
        except VearchError as error:
            if error.number != _NOT_BUILT or brute_force == BY_SCAN:
                raise
            answer = self._post("search", f'{start}, "is_brute_search": {BY_SCAN}, {asked}}}')
        answers = _list(answer, "documents")
        if not answers:  # so it says that nothing matches a filter
            return [[] for _ in vectors]
        if len(answers) != len(vectors):
            raise StoreError(f"{self._client.server} answers {len(vectors)} query vectors with {len(answers)} results")
        return answers

    def delete_ids(self, ids: Sequence[str]) -> set[str]:
        """Removes at most 499 documents; says which ones the server confirmed."""
        answer = self._post("delete", json.dumps({**self._address, "document_ids": list(ids)}))
        return set(_list(answer, "document_ids"))

    def delete_matching(self, conditions: Filter, *, limit: int) -> int:
        """Removes up to ``limit`` documents a partition that match a filter; says how many."""
        answer = self._post("delete", json.dumps({**self._address, "filters": conditions, "limit": limit}))
        return int(answer.get("total", 0))

    def _post(self, action: str, body: str) -> dict[str, Any]:
        answer = self._client.send("POST", f"/document/{action}", body)
        if not isinstance(answer, dict):
            raise StoreUnavailableError(f"{self._client.server} answers a {action} without data")
        return answer

    def _outcome(self, document: Document, entry: RawDocument) -> StoreError | None:
        if entry.get("code") or entry.get("msg"):
            return refusal(int(entry.get("code", 1)), str(entry.get("msg", "")), self._client.server)
        if entry.get("_id") != document.id:
            return StoreError(f"{self._client.server} answers with the id {entry.get('_id')!r} instead")
        return None

    def _missing(self, document: RawDocument) -> bool:
        """Whether an entry says that a document is not there.

        Raises:
            StoreError: if it says that something else is wrong.
        """
        if "code" not in document:
            return False
        if document["code"] not in (404, 260):
            raise refusal(int(document["code"]), str(document.get("msg", "")), self._client.server)
        return True


def filter_of(conditions: Sequence[Sequence[str]], slots: range | None = None) -> Filter:
    """The filter of Vearch that words stand for: of each list, a document must have one.

    Args:
        conditions: lists of words.
        slots: where the number that follows from the id must lie.
    """
    listed: list[dict[str, object]] = [{"field": TERMS, "operator": "IN", "value": list(words)} for words in conditions]
    if slots is not None:
        listed.append({"field": SLOT, "operator": ">=", "value": slots.start})
        listed.append({"field": SLOT, "operator": "<=", "value": slots.stop - 1})
    return {"operator": "AND", "conditions": listed}


def chunks(ids: Sequence[str], size: int = MOST_IDS) -> Iterator[Sequence[str]]:
    """Ids in parts that fit into one request."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _is_whole(described: dict[str, Any]) -> bool:
    return described.get("status") != "red" and not described.get("errors")


def _list(answer: dict[str, Any], name: str) -> list[Any]:
    # An empty list may come as null.
    return answer.get(name) or []
