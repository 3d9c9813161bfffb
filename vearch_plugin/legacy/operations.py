"""What the routes for documents do, one method a route. They compute and wait: call them in worker threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from util.errors import InvalidInputError
from util.vector_store.base import VectorStore
from vearch_plugin.legacy import answers
from vearch_plugin.legacy.bodies import as_list, as_object, read_object
from vearch_plugin.legacy.bulk import parse_bulk, parse_id
from vearch_plugin.legacy.bulk_writing import take_actions
from vearch_plugin.legacy.catalogue import Catalogue, LegacySpace, SpaceMaker
from vearch_plugin.legacy.documents import parse_document, source_of
from vearch_plugin.legacy.embedding import ImageEmbedder, embed_feature
from vearch_plugin.legacy.filters import Filter, parse_filter
from vearch_plugin.legacy.queries import Query, parse_fields, parse_query
from vearch_plugin.legacy.searching import matching_ids, search_space
from vearch_plugin.legacy.writing import Entry, change, check_id, new_id, remove, write

MOST_IDS = 100
"""Documents of one ``_query_byids``; the server of 2021 gave no more either."""


@dataclass(frozen=True)
class Operations:
    """The plugin of 2021 over a store.

    Attributes:
        store: where documents are.
        embed: makes vectors of images.
        maker: finds the extractor that a new space is for.
    """

    store: VectorStore
    embed: ImageEmbedder
    maker: SpaceMaker

    @property
    def catalogue(self) -> Catalogue:
        """The databases and spaces of the store."""
        return Catalogue(self.store)

    def insert(self, database: str, space_name: str, id_: str | None, body: bytes) -> dict[str, Any]:
        """Writes one document: ``POST /{db}/{space}[/{id}]``."""
        space = self.catalogue.space(database, space_name)
        given = new_id(space.schema) if id_ is None else check_id(space.schema, id_)
        document = parse_document(space.schema, read_object(body, "the document"))
        row = None if document.feature is None else embed_feature(space, document.feature, embed=self.embed)
        write(self.store, space, [Entry(given, document, row)])
        return answers.written(space.place, given, status=201 if id_ is None else 200, result="created")

    def update(self, database: str, space_name: str, id_: str, body: bytes) -> dict[str, Any]:
        """Gives some fields of a document new values: ``POST /{db}/{space}/{id}/_update``."""
        space = self.catalogue.space(database, space_name)
        given = read_object(body, "the update")
        fields = as_object(given["doc"], "the doc") if "doc" in given else given
        document = parse_document(space.schema, fields, partial=True)
        row = None if document.feature is None else embed_feature(space, document.feature, embed=self.embed)
        change(self.store, space, Entry(id_, document, row))
        return answers.written(space.place, id_, status=200, result="updated")

    def search(self, database: str, space_name: str, body: bytes, size: str | None) -> dict[str, Any]:
        """Finds the nearest documents: ``POST /{db}/{space}/_search?size=N``."""
        started = time.perf_counter()
        space = self.catalogue.space(database, space_name)
        query = parse_query(space.schema, read_object(body, "the search"), size=size)
        row = embed_feature(space, query.feature, embed=self.embed)
        scored = search_space(self.store, space, query, row)
        took = round((time.perf_counter() - started) * 1000)
        return answers.hits(space.place, space.schema.vector.name, scored, took_ms=took)

    def bulk(self, database: str, space_name: str, body: bytes) -> list[dict[str, Any]]:
        """Writes, changes and removes many documents: ``POST /{db}/{space}/_bulk``."""
        space = self.catalogue.space(database, space_name)
        return take_actions(self.store, space, parse_bulk(body), embed=self.embed)

    def get(self, database: str, space_name: str, id_: str) -> dict[str, Any]:
        """A document by its id: ``GET /{db}/{space}/{id}``."""
        return self._found(self.catalogue.space(database, space_name), [id_], None)[0]

    def query_by_ids(self, database: str, space_name: str, body: bytes) -> object:
        """Documents by their ids: ``POST /{db}/{space}/_query_byids``. One comes alone, several as a list."""
        space = self.catalogue.space(database, space_name)
        query = as_object(read_object(body, "the request").get("query"), "the query")
        ids = [parse_id(id_) for id_ in as_list(query.get("ids"), "query.ids")]
        asked = [id_ for id_ in ids if id_ is not None]
        if not asked or len(asked) != len(ids) or len(ids) > MOST_IDS:
            raise InvalidInputError(f"query param id is null: query.ids lists 1 to {MOST_IDS} ids")
        found = self._found(space, asked, parse_fields(query.get("fields")))
        return found[0] if len(found) == 1 else found

    def delete(self, database: str, space_name: str, id_: str) -> dict[str, Any]:
        """Removes a document, if it is there: ``DELETE /{db}/{space}/{id}``."""
        space = self.catalogue.space(database, space_name)
        remove(self.store, space, [id_])
        return answers.written(space.place, id_, status=200, result="unknow")

    def delete_by_query(self, database: str, space_name: str, body: bytes) -> dict[str, Any]:
        """Removes what a query finds: with a vector its hits, without one all that the filter lets through."""
        space = self.catalogue.space(database, space_name)
        chosen = _what_to_delete(space, read_object(body, "the request"))
        if isinstance(chosen, Filter):
            batches = list(matching_ids(self.store, space, chosen))  # all are found before the first is removed
        else:
            row = embed_feature(space, chosen.feature, embed=self.embed)
            batches = [[hit.id for hit in search_space(self.store, space, chosen, row)]]
        return answers.success() | {"DelNum": sum(remove(self.store, space, ids) for ids in batches)}

    def refresh(self, database: str, space_name: str) -> dict[str, Any]:
        """Builds the search index now: ``POST /{db}/{space}/_flush`` and ``_forcemerge``."""
        self.store.refresh(self.catalogue.space(database, space_name).info.name)
        return {"_shards": {"total": 1, "successful": 1, "failed": 0}}

    def _found(self, space: LegacySpace, ids: Sequence[str], fields: tuple[str, ...] | None) -> list[dict[str, Any]]:
        stored = self.store.get(space.info.name, list(dict.fromkeys(ids)))
        sources = {
            id_: source_of(space.schema, metadata, vector=vector, fields=fields)
            for id_, vector, metadata in zip(stored.ids, stored.vectors, stored.metadata, strict=True)
        }
        return [answers.found(space.place, id_, sources.get(id_)) for id_ in ids]


def _what_to_delete(space: LegacySpace, body: dict[str, Any]) -> Query | Filter:
    query = as_object(body.get("query"), "the query")
    if any(as_list(query.get("sum"), "query.sum")):  # the documentation of 2021 wrote [{}] for "no vector"
        return parse_query(space.schema, body)
    filter_ = parse_filter(space.schema, query.get("filter"))
    if not filter_.where and not filter_.tests:
        raise InvalidInputError("the query names no document: give it a filter, or delete the space to empty it")
    return filter_
