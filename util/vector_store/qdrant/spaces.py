"""Spaces as Qdrant collections: how they are named, and how they say what they are.

A space is one collection. The collection's metadata, which every client of the server sees, holds ``nearid``, the
space's properties as JSON text, and one ``nearid.NAME`` for each attribute, so that two clients can annotate different
attributes at the same time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from qdrant_client import models

from util.errors import InvalidInputError, StoreError
from util.records import SpaceInfo
from util.vector_store.attribute_json import AttributeReader
from util.vector_store.index_names import SEARCH_PARAMETERS, is_exact, is_name, read_index_name

PROPERTIES = "nearid"

_ATTRIBUTE = f"{PROPERTIES}."
_read_attribute = AttributeReader()
_LONGEST_NAME = 255
_FORMAT = 1
_LARGEST_DIMENSION = 65_536


def collection_name(space: str) -> str:
    """The collection of a space: its name, with everything but plain letters, digits and ``_.-~`` percent-encoded.

    >>> collection_name("bottles"), collection_name("früh:1")
    ('bottles', 'fr%C3%BCh%3A1')
    """
    # These two would be folders, not names.
    return space.replace(".", "%2E") if space in (".", "..") else quote(space, safe="", errors="surrogatepass")


def space_name(collection: str) -> str:
    """The space whose collection this is.

    >>> space_name("fr%C3%BCh%3A1")
    'früh:1'
    """
    return unquote(collection, errors="surrogatepass")


def description(space: SpaceInfo) -> dict[str, str]:
    """Metadata of the collection of a new space."""
    properties = {
        "format": _FORMAT,
        "extractor": space.extractor,
        "dimension": space.dimension,
        "fingerprint": space.fingerprint,
        "recipe": space.recipe,
        "metric": space.metric,
        "index": space.index,
    }
    return {PROPERTIES: json.dumps(properties)} | {
        name: text for name, text in attribute_texts(space.attributes, removing=False).items() if text is not None
    }


def attribute_texts(attributes: Mapping[str, object], *, removing: bool = True) -> dict[str, str | None]:
    """Attributes as entries of the metadata; of those that are ``None`` to be removed, ``None``.

    Raises:
        InvalidInputError: if a value is not JSON.
    """
    try:
        return {
            f"{_ATTRIBUTE}{name}": None if removing and value is None else json.dumps(value, allow_nan=False)
            for name, value in attributes.items()
        }
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"the attributes of a space must be JSON values: {error}") from error


def described_space(name: str, collection: models.CollectionInfo, *, count: int = 0) -> SpaceInfo | None:
    """The space that a collection holds; ``None`` where NearID did not make the collection.

    Raises:
        StoreError: if a newer NearID made it.
    """
    metadata: dict[str, Any] = collection.config.metadata or {}
    if not isinstance(metadata.get(PROPERTIES), str):
        return None
    properties = json.loads(metadata[PROPERTIES])
    if properties.pop("format") > _FORMAT:
        raise StoreError(f"space {name!r} was made by a newer NearID: update this one")
    attributes = {
        key.removeprefix(_ATTRIBUTE): _read_attribute(text)
        for key, text in metadata.items()
        if key.startswith(_ATTRIBUTE)
    }
    return SpaceInfo(name, **properties, count=count, attributes=attributes)


def collection_options(space: SpaceInfo) -> dict[str, Any]:
    """How the collection of a space is made, as ``QdrantClient.create_collection`` takes it.

    Rows of length 1 have their cosine as inner product, so ``Dot`` it is: Qdrant's ``Cosine`` would scale them
    once more, and could make nothing of a row of zeros.

    Raises:
        InvalidInputError: if Qdrant cannot hold such vectors, or has no room for a name of this length.
    """
    length = len(collection_name(space.name))
    if length > _LONGEST_NAME:
        raise InvalidInputError(
            f"the space name {space.name[:40]!r}… takes {length} characters in Qdrant, which allows {_LONGEST_NAME}: "
            "choose a shorter one"
        )
    if space.dimension > _LARGEST_DIMENSION:
        raise InvalidInputError(
            f"space {space.name!r}: Qdrant holds vectors up to dimension {_LARGEST_DIMENSION}, not {space.dimension}"
        )
    return {
        "vectors_config": models.VectorParams(size=space.dimension, distance=models.Distance.DOT),
        "hnsw_config": models.HnswConfigDiff(m=_links(space.index), ef_construct=_option(space.index, "construction")),
        "metadata": description(space),
    }


def search_params(space: SpaceInfo) -> models.SearchParams:
    """How hard a space is searched: exactly, or by HNSW with a queue as long as is said.

    The attribute ``search_parameters`` says it (``efSearch=128`` or ``ef=128``), else the option ``ef`` of the index.
    """
    if is_exact(space.index):
        return models.SearchParams(exact=True)
    effort = re.search(r"\b(?:efSearch|ef)\s*=\s*(\d+)", str(space.attributes.get(SEARCH_PARAMETERS, "")))
    return models.SearchParams(exact=False, hnsw_ef=int(effort[1]) if effort else _option(space.index, "ef"))


def _links(index: str) -> int | None:
    """Links of a node in Qdrant's graph; 0 makes none, for an exact search; ``None`` leaves the choice to Qdrant."""
    if is_exact(index):
        return 0
    if is_name(index):
        return _option(index, "m")
    links = re.search(r"HNSW(\d+)", index)
    return int(links[1]) if links else None


def _option(index: str, option: str) -> int | None:
    """An option of an index by name; ``None`` where it is left to Qdrant."""
    return read_index_name(index).number(option) if is_name(index) else None
