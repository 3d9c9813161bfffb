"""The collections of a Qdrant that are spaces: found, counted, given the indexes that filters need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from util.errors import SpaceNotFoundError
from util.records import SpaceInfo
from util.vector_store.qdrant.refusals import FORBIDDEN, NOT_FOUND
from util.vector_store.qdrant.spaces import collection_name, described_space, space_name


class Collection(NamedTuple):
    """A space, as its collection describes it.

    Attributes:
        name: of the collection.
        space: the properties of the space; its count is not asked for.
        indexed: what of the payload has an index.
    """

    name: str
    space: SpaceInfo
    indexed: frozenset[str]


def find_collection(client: QdrantClient, space: str) -> Collection | None:
    """The collection of a space, if there is one and NearID made it."""
    name = collection_name(space)
    try:
        found = client.get_collection(name)
    except UnexpectedResponse as error:
        if error.status_code != NOT_FOUND:
            raise
        return None
    except ValueError:  # the same, in the process
        return None
    described = described_space(space, found)
    return None if described is None else Collection(name, described, frozenset(found.payload_schema))


def need_collection(client: QdrantClient, space: str) -> Collection:
    """The collection of a space.

    Raises:
        SpaceNotFoundError: if there is none, with the names there are.
    """
    found = find_collection(client, space)
    if found is None:
        names = [there.space.name for there in all_collections(client)]
        known = f"there are {', '.join(names)}" if names else "the store is empty"
        raise SpaceNotFoundError(f"no space named {space!r}: {known}")
    return found


def all_collections(client: QdrantClient) -> list[Collection]:
    """All that are spaces, by the names of these; other programs' collections are left out."""
    names = sorted(space_name(described.name) for described in client.get_collections().collections)
    return [found for name in names if (found := find_collection(client, name)) is not None]


def counted(client: QdrantClient, collection: Collection) -> SpaceInfo:
    """The space with the number of its images."""
    return replace(collection.space, count=client.count(collection.name, exact=True).count)


def make_indexes(client: QdrantClient, collection: Collection, fields: Mapping[str, models.PayloadSchemaType]) -> None:
    """Makes those payload indexes that are not there yet."""
    for path, kind in fields.items():
        if path in collection.indexed:
            continue
        try:
            client.create_payload_index(collection.name, path, kind, wait=True)
        except UnexpectedResponse as error:
            # A key for reading may not make one. The filter does without, if more slowly.
            if error.status_code != FORBIDDEN:
                raise
