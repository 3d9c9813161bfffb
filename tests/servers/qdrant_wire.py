"""A server that speaks Qdrant's REST interface on loopback, with Qdrant's in-process mode behind it.

It takes what the published interface takes and nothing else (the models of ``qdrant_client`` forbid unknown fields),
keeps everything in memory, and is as unkind as Qdrant may be: it ranks equal scores by falling id, the opposite of
what NearID promises, and returns every fraction in a payload one unit in the last place off, as a parser of JSON that
aims at speed does now and then (https://github.com/serde-rs/json/issues/937). It is no Qdrant: what only the real
engine does is tested with ``QDRANT_URL``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from loopback import LoopbackServer, Reply, Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import QdrantClient, models

ANYTHING = models.Filter()


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


class QdrantServer(LoopbackServer):
    """One node of Qdrant.

    Attributes:
        version: what it says it is.
        key: the API key it wants, if any.
        disturb: called with method and path before each answer; may raise :class:`Refusal`, wait, or do nothing.
        requests: (method, path, bytes of the body) of all requests so far.
        indexes: kinds of payload indexes by collection and path.
    """

    refusal = Refusal

    def __init__(self) -> None:
        self.version = "1.16.0"
        self.key: str | None = None
        self.disturb: Callable[[str, str], None] = lambda method, path: None
        self.requests: list[tuple[str, str, int]] = []
        self.client = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.indexes: dict[str, dict[str, str]] = {}
        super().__init__()

    def respond(self, request: Request) -> Reply:
        path = urlsplit(request.target).path
        with self.lock:
            self.requests.append((request.method, path, len(request.body)))
        started = time.monotonic()
        try:
            if self.key is not None and request.headers.get("api-key") != self.key and path != "/":
                raise Refusal(401, "Must provide an API key or an Authorization bearer token")
            self.disturb(request.method, path)
            with self.lock:
                result = self.answer(request.method, path, request.body)
        except Refusal as refusal:
            return _reply(refusal.status, {"status": {"error": refusal.reason}, "time": 0.0})
        except (ValidationError, ValueError) as error:
            return _reply(400, {"status": {"error": f"Format error in JSON body: {error}"}, "time": 0.0})
        if path == "/":
            return _reply(200, result)
        return _reply(200, {"result": result, "status": "ok", "time": time.monotonic() - started})

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """The result for a request."""
        words = [unquote(word) for word in path.strip("/").split("/")]
        match (method, *words):
            case ("GET", ""):
                return {"title": "qdrant - vector search engine", "version": self.version}
            case ("GET", "collections"):
                return self.client.get_collections()
            case ("GET", "collections", name, "exists"):
                return {"exists": self.client.collection_exists(name)}
            case ("PUT", "collections", name):
                return self._create(name, models.CreateCollection.model_validate_json(body))
        if words[0] != "collections" or not self.client.collection_exists(words[1]):
            raise Refusal(404, f"Not found: Collection `{words[1:2]}` doesn't exist!")
        match (method, *words):
            case ("GET", "collections", name):
                return self._described(name)
            case ("PATCH", "collections", name):
                update = models.UpdateCollection.model_validate_json(body)
                return self.client.update_collection(name, metadata=update.metadata)
            case ("DELETE", "collections", name):
                return self.client.delete_collection(name)
            case ("PUT", "collections", name, "index"):
                index = models.CreateFieldIndex.model_validate_json(body)
                self.indexes[name][index.field_name] = str(index.field_schema.value)
                return _DONE
            case ("PUT", "collections", name, "points"):
                points = models.PointsList.model_validate_json(body).points
                for point in points:
                    point.payload = _read_carelessly(point.payload)
                self.client.upsert(name, points)
                return _DONE
            case ("POST", "collections", name, "points"):
                asked = models.PointRequest.model_validate_json(body)
                return self.client.retrieve(name, asked.ids, asked.with_payload, asked.with_vector)
            case ("POST", "collections", name, "points", action):
                return self._points(name, action, body)
            case ("POST", "collections", name, "points", "query", "batch"):
                return self._query(name, models.QueryRequestBatch.model_validate_json(body).searches)
        raise Refusal(404, f"no route for {method} {path}")

    def _create(self, name: str, made: models.CreateCollection) -> bool:
        if self.client.collection_exists(name):
            raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
        self.indexes[name] = {}
        return self.client.create_collection(name, vectors_config=made.vectors, metadata=made.metadata)

    def _described(self, name: str) -> dict[str, Any]:
        described = self.client.get_collection(name).model_dump(mode="json")
        described["payload_schema"] = {
            path: {"data_type": kind, "points": 0} for path, kind in self.indexes[name].items()
        }
        return described

    def _points(self, name: str, action: str, body: bytes) -> Any:
        match action:
            case "scroll":
                asked = models.ScrollRequest.model_validate_json(body)
                points, following = self.client.scroll(
                    name,
                    asked.filter,
                    limit=asked.limit,
                    offset=asked.offset,
                    with_payload=asked.with_payload,
                    with_vectors=asked.with_vector,
                )
                return {"points": points, "next_page_offset": following}
            case "count":
                return self.client.count(name, models.CountRequest.model_validate_json(body).filter)
            case "delete":
                selector = TypeAdapter(models.PointIdsList | models.FilterSelector).validate_json(body)
                self.client.delete(name, selector)
                return _DONE
        raise Refusal(404, f"no route for {action}")

    def _query(self, name: str, asked: list[models.QueryRequest]) -> list[dict[str, Any]]:
        known: dict[str, tuple[list[models.Record], np.ndarray]] = {}
        answers = []
        for query in asked:
            wanted = query.filter or ANYTHING
            if wanted.model_dump_json() not in known:
                points, _ = self.client.scroll(name, wanted, limit=1 << 30, with_vectors=True)
                rows = np.array([point.vector for point in points], dtype=np.float64)
                known[wanted.model_dump_json()] = (points, rows)
            points, rows = known[wanted.model_dump_json()]
            scores = (rows * np.array(query.query.nearest)).sum(axis=1).astype(np.float32) if points else []
            best = sorted(range(len(points)), key=lambda n: (scores[n], points[n].payload["id"]), reverse=True)
            chosen = [_scored(points[n], float(scores[n]), query) for n in best[: query.limit]]
            answers.append({"points": chosen})
        return answers


_DONE = {"operation_id": 0, "status": "completed"}


def _scored(point: models.Record, score: float, query: models.QueryRequest) -> dict[str, Any]:
    kept = {key: point.payload[key] for key in query.with_payload if key in point.payload}
    return {"id": point.id, "version": 0, "score": score, "payload": kept}


def _read_carelessly(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _read_carelessly(inner) for key, inner in value.items()}
    if isinstance(value, float) and not value.is_integer():
        return math.nextafter(value, math.inf)
    return value


def _reply(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps(value, default=_as_json).encode())


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value)} is no JSON")
