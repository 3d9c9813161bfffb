"""What the spaces of a database are: one document a space, in a space of Vearch that every client reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from util.errors import InvalidInputError, SpaceNotFoundError, StoreError
from util.records import SpaceInfo
from util.vector_store.validation import storable
from util.vector_store.vearch.answers import DB_EXISTS, VearchError
from util.vector_store.vearch.client import VearchClient
from util.vector_store.vearch.documents import content_of, encode
from util.vector_store.vearch.indexes import IndexPlan
from util.vector_store.vearch.large_attributes import LargeAttributes, Reference
from util.vector_store.vearch.naming import CATALOGUE
from util.vector_store.vearch.remote_space import RemoteSpace
from util.vector_store.vearch.scanning import scan
from util.vector_store.vearch.schema import TEXTS, schema
from util.vector_store.vearch.terms import EVERYTHING
from util.vector_store.vearch.writing import write

_FORMAT = 1
_WITH_LARGE = 2  # the format of an entry that has attributes kept in pieces
_LARGE = "large"
# Vearch wants a vector in every document; nobody searches for these.
_NO_VECTOR = np.ones(1, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Entry:
    """A space as the catalogue describes it.

    Attributes:
        info: its properties; ``count`` is not among them and 0.
        kind: type of its index, in Vearch's words.
        large: where those of its attributes are kept that were too large for the entry when it was read.
    """

    info: SpaceInfo
    kind: str
    large: frozenset[Reference] = frozenset()


class Catalogue:
    """The spaces of a database.

    Args:
        client: the way to the router.
        database: name of the database.
        replicas: copies that a catalogue made now is kept in.
    """

    def __init__(self, client: VearchClient, database: str, *, replicas: int) -> None:
        self._client, self._database, self._replicas = client, database, replicas
        self._space = RemoteSpace(client, database, CATALOGUE)
        self._large = LargeAttributes(self._space, client)
        self._is_there = False

    def prepare(self) -> None:
        """Makes the database and the catalogue where they are missing."""
        if self._exists():
            return
        try:
            self._client.send("POST", f"/dbs/{self._database}")
        except VearchError as error:
            if error.number != DB_EXISTS:
                raise
        self._space.create(schema(CATALOGUE, len(_NO_VECTOR), IndexPlan("FLAT", {}, 1, self._replicas, 1)))
        self._is_there = True

    def find(self, name: str) -> Entry | None:
        """The space of this name, if there is one."""
        if not storable(name) or not self._exists():
            return None
        found = self._space.of_ids([name], fields=TEXTS)
        return self._entry(found[name]) if name in found else None

    def need(self, name: str) -> Entry:
        """The space of this name.

        Raises:
            SpaceNotFoundError: if there is none, with the names there are.
        """
        entry = self.find(name)
        if entry is None:
            names = [entry.info.name for entry in self.entries()]
            known = f"there are {', '.join(names)}" if names else "the store is empty"
            raise SpaceNotFoundError(f"no space named {name!r}: {known}")
        return entry

    def entries(self) -> list[Entry]:
        """All spaces by name."""
        if not self._exists():
            return []
        found = {page["_id"]: page for pages in scan(self._space, [[EVERYTHING]], fields=TEXTS) for page in pages}
        return [self._entry(found[name]) for name in sorted(found)]

    def write(self, entry: Entry) -> None:
        """Adds a space or replaces what is known of it.

        Raises:
            InvalidInputError: if its attributes are no JSON.
        """
        name, content = entry.info.name, _content(entry)
        kept = self._large.keep(name, entry.info.attributes)
        if kept:
            content["format"] = _WITH_LARGE
            content["attributes"] = {key: value for key, value in entry.info.attributes.items() if key not in kept}
            content[_LARGE] = {key: asdict(reference) for key, reference in kept.items()}
        write(self._space, [encode(name, _NO_VECTOR, content, [EVERYTHING])], patience=self._client.timeout)
        self._large.remove(name, entry.large - set(kept.values()))

    def remove(self, entry: Entry) -> None:
        """Forgets a space."""
        name = entry.info.name
        self._space.delete_ids([name])
        if self.find(name) is not None:
            raise StoreError(f"Vearch did not take the space {name!r} out of its catalogue: drop it again")
        self._large.remove(name, entry.large)

    def _entry(self, document: Mapping[str, Any]) -> Entry:
        content = content_of(document)
        name = document["_id"]
        if content.pop("format", None) not in (_FORMAT, _WITH_LARGE):
            raise StoreError(f"a newer NearID described the space {name!r} in Vearch: upgrade this one")
        try:
            references = {key: Reference(**one) for key, one in content.pop(_LARGE, {}).items()}
            content["attributes"] |= {key: self._large.value(name, one) for key, one in references.items()}
            kind = str(content.pop("kind"))
            return Entry(SpaceInfo(**content), kind, frozenset(references.values()))
        except (KeyError, TypeError) as error:
            raise StoreError(f"the description of the space {name!r} in Vearch is damaged ({error})") from error

    def _exists(self) -> bool:
        self._is_there = self._is_there or self._space.describe() is not None
        return self._is_there


def check_attributes(attributes: Mapping[str, object]) -> None:
    """Refuses attributes that are no JSON.

    Raises:
        InvalidInputError: with the reason.
    """
    try:
        json.dumps(dict(attributes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"the attributes of a space must be JSON values: {error}") from error


def _content(entry: Entry) -> dict[str, object]:
    info = entry.info
    check_attributes(info.attributes)
    return {
        "format": _FORMAT,
        "name": info.name,
        "extractor": info.extractor,
        "dimension": info.dimension,
        "fingerprint": info.fingerprint,
        "recipe": info.recipe,
        "metric": info.metric,
        "index": info.index,
        "attributes": dict(info.attributes),
        "kind": entry.kind,
    }


def annotated(entry: Entry, attributes: Mapping[str, object]) -> Entry:
    """An entry with attributes merged into its own; ``None`` removes one."""
    merged = {name: value for name, value in {**entry.info.attributes, **attributes}.items() if value is not None}
    return replace(entry, info=replace(entry.info, attributes=merged))
