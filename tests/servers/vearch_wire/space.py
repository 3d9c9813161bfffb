"""One space of the test server: partitions full of documents."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from vearch_wire.conditions import check_filters, matches
from vearch_wire.refusals import RefusedError, need

Body = dict[str, Any]
INDEXED_TEXT, TEXT = 1024, 65535
# Without a built index, a search of more documents a partition than this is refused unless it is a scan.
SCANNED_SILENTLY = 100


class Space:
    """A space, with the answers of Vearch to requests about its documents."""

    def __init__(self, body: Body, refuses: Callable[[str, int], str | None]) -> None:
        self.body = body
        self.fields: dict[str, Body] = {field["name"]: field for field in body["fields"]}
        self.partitions: list[dict[str, Body]] = [{} for _ in range(max(body.get("partition_num", 1), 1))]
        self.ever = [0] * len(self.partitions)
        self.indexed = [0] * len(self.partitions)
        self.refuses = refuses
        self.approximate = False
        (self.vector,) = (field for field in body["fields"] if field["type"] == "vector")

    def describe(self, db: str) -> Body:
        """``GET /dbs/{db}/spaces/{space}``; the background indexing makes a step."""
        self.indexed = [min(ever, done + (ever + 1) // 2) for ever, done in zip(self.ever, self.indexed, strict=True)]
        partitions = [
            {"pid": n + 1, "doc_num": len(held), "index_num": done, "max_docid": ever - 1, "color": "green"}
            for n, (held, done, ever) in enumerate(zip(self.partitions, self.indexed, self.ever, strict=True))
        ]
        return {
            "space_name": self.body["name"],
            "db_name": db,
            "doc_num": sum(map(len, self.partitions)),
            "partition_num": len(self.partitions),
            "replica_num": self.body.get("replica_num", 3),
            "schema": {"fields": self.body["fields"]},
            "status": "green",
            "partitions": partitions,
        }

    def upsert(self, body: Body) -> Body:
        """Writes what the partitions take."""
        need(set(body) == {"db_name", "space_name", "documents"}, "unknown keys")
        need(isinstance(body["documents"], list) and bool(body["documents"]), "documents are empty")
        for document in body["documents"]:
            self._check_document(document)
        entries = [self._write(document) for document in body["documents"]]
        return {"total": sum("code" not in entry for entry in entries), "document_ids": entries}

    def query(self, body: Body) -> Body:
        """Documents by id or by filter."""
        need(
            set(body) <= {"db_name", "space_name", "document_ids", "filters", "limit", "fields", "load_balance"}, "key"
        )
        need(not ("document_ids" in body and "filters" in body), "query_param_error:both", code=444, status=400)
        fields = self._wanted(body.get("fields", []))
        if "filters" not in body:
            ids = body.get("document_ids")
            need(bool(ids), "query_param_error:neither ids nor filter", code=442, status=400)
            need(len(ids) < 500, "query_param_error:too many ids", code=441, status=422)
            found = [held for id_ in ids if (held := self._partition(id_).get(id_)) is not None]
        else:
            check_filters(body["filters"], self.fields)
            limit = body.get("limit", 50) or 50
            parts = [[d for d in part.values() if matches(d, body["filters"])][:limit] for part in self.partitions]
            found = [document for part in parts for document in part[::-1]][:limit]
        return {"total": len(found), "documents": [self._shown(document, fields) for document in found]}

    def search(self, body: Body) -> Body:
        """The nearest documents of each partition, one partition after another."""
        known = {"db_name", "space_name", "limit", "is_brute_search", "vectors", "fields", "filters", "index_params"}
        need(set(body) <= known | {"load_balance"}, "unknown keys")
        need("is_brute_search" in body, "a search without is_brute_search fails while the index is not built")
        need(len(body.get("vectors", [])) > 0, "search_vector_empty:no vector", code=460)
        (vector,) = body["vectors"]
        need(vector["field"] == self.vector["name"], "unknown vector field", status=400)
        need(len(vector["feature"]) % self.vector["dimension"] == 0, "feature length", status=400)
        metric = body.get("index_params", {}).get("metric_type", self._metric)
        need(metric == self._metric, "metric_type is another one")
        if "filters" in body:
            check_filters(body["filters"], self.fields)
        queries = np.array(vector["feature"], dtype=np.float32).reshape(-1, self.vector["dimension"])
        answers: list[list[Body]] = [[] for _ in queries]
        for number in range(len(self.partitions)):
            for answer, hits in zip(answers, self._search_partition(number, queries, body), strict=True):
                answer += hits
        if "filters" in body and not any(answers):
            return {"documents": []}
        return {"documents": answers}

    def delete(self, body: Body) -> Body:
        """Removes documents by id, or some of those that match a filter."""
        need(set(body) <= {"db_name", "space_name", "document_ids", "filters", "limit"}, "unknown keys")
        need(
            ("document_ids" in body) != ("filters" in body), "delete_param_error:both or neither", code=420, status=400
        )
        if "document_ids" in body:
            ids = body["document_ids"]
            need(bool(ids) and len(ids) < 500, "delete_param_error:number of ids", code=424, status=400)
        else:
            check_filters(body["filters"], self.fields)
            limit = body.get("limit", 50) or 50
            parts = [[d["_id"] for d in part.values() if matches(d, body["filters"])] for part in self.partitions]
            ids = [id_ for part in parts for id_ in part[:limit]]
        # A partition that cannot delete is passed over in silence.
        gone = [id_ for id_ in ids if not self._refuses(id_) and self._partition(id_).pop(id_, None) is not None]
        return {"total": len(gone), "document_ids": gone}

    @property
    def _metric(self) -> str:
        return str(self.vector["index"]["params"]["metric_type"])

    def _place(self, id_: str) -> int:
        return zlib.crc32(id_.encode()) % len(self.partitions)

    def _partition(self, id_: str) -> dict[str, Body]:
        return self.partitions[self._place(id_)]

    def _refuses(self, id_: str) -> str | None:
        return self.refuses(id_, self._place(id_))

    def _write(self, document: Body) -> Body:
        id_ = document["_id"]
        refused = self._refuses(id_)
        if refused is not None:
            return {"_id": id_, "code": 404, "msg": refused}
        partition = self._partition(id_)
        if id_ not in partition and self.vector["name"] not in document:
            return {"_id": id_, "code": 404, "msg": "internal_error:add doc failed, err code -3"}
        self.ever[self._place(id_)] += id_ not in partition
        partition[id_] = partition.get(id_, {}) | document
        return {"_id": id_}

    def _check_document(self, document: Any) -> None:
        need(isinstance(document, dict), "a document is an object")
        need(isinstance(document.get("_id"), str) and document["_id"] != "", "this server wants every document's _id")
        document["_id"].encode()  # a lone surrogate would be replaced
        for name, value in document.items():
            need(name == "_id" or name in self.fields, f"unrecognizable field {name}")
            need(value is not None and not isinstance(value, dict), f"field {name}: the router would crash or refuse")
            if name != "_id":
                self._check_value(self.fields[name], value)

    def _check_value(self, field: Body, value: Any) -> None:
        kind, most = field["type"], INDEXED_TEXT if "index" in field else TEXT
        if kind == "vector":
            need(isinstance(value, list) and len(value) == field["dimension"], "vector length")
            need(all(isinstance(x, int | float) and not isinstance(x, bool) for x in value), "vector of numbers")
        elif kind == "integer":
            need(type(value) is int and -(2**31) <= value < 2**31, "integer")
        else:
            texts = value if kind == "string_array" else [value]
            need(isinstance(texts, list) and all(isinstance(text, str) for text in texts), f"{field['name']}: text")
            need(all(len(text.encode()) <= most for text in texts), f"{field['name']}: string is too long")

    def _wanted(self, names: list[str]) -> list[str]:
        need(all(name in self.fields for name in names), "unknown field", status=400)
        return names or [name for name, field in self.fields.items() if field["type"] != "vector"]

    def _shown(self, document: Body, fields: list[str]) -> Body:
        shown = {"_id": document["_id"]} | {name: document[name] for name in fields if name in document}
        if self.vector["name"] in shown:
            shown[self.vector["name"]] = [float(np.float32(x)) for x in shown[self.vector["name"]]]
        return shown

    def _search_partition(self, number: int, queries: np.ndarray, body: Body) -> list[list[Body]]:
        held = list(self.partitions[number].values())
        kind, brute = self.vector["index"]["type"], body["is_brute_search"]
        built = kind == "FLAT" or self.indexed[number] >= self.ever[number] > 0
        if not built and brute == 0 and len(held) > SCANNED_SILENTLY:
            raise RefusedError(461, "search_engine_err:IndexError: Index not trained")
        if "filters" in body:
            held = [document for document in held if matches(document, body["filters"])]
        if self.approximate and kind != "FLAT" and built and brute == 0:
            held = held[::3]  # an index that misses two of three
        if not held:
            return [[] for _ in queries]
        rows = np.array([document[self.vector["name"]] for document in held], dtype=np.float32).astype(np.float64)
        scores = (queries.astype(np.float64) @ rows.T).astype(np.float32)
        fields = self._wanted(body.get("fields", []))
        limit = body.get("limit", 50) or 50
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        return [
            [self._shown(held[place], fields) | {"_score": float(line[place])} for place in places]
            for line, places in zip(scores, best, strict=True)
        ]
