"""Databases and their spaces, kept in the store itself so that every service on it sees the same ones.

A database is a name in the attributes of one empty space, the catalogue; a space of a database is a space of the
store, which keeps the schema it was made with in its own attributes.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from util.errors import FingerprintMismatchError, SpaceExistsError, SpaceNotFoundError
from util.records import SpaceInfo
from util.vector_store.base import VectorStore
from vearch_plugin.legacy.answers import Place
from vearch_plugin.legacy.errors import (
    DatabaseExistsError,
    DatabaseNotEmptyError,
    DatabaseNotFoundError,
    LegacySpaceExistsError,
    LegacySpaceNotFoundError,
)
from vearch_plugin.legacy.names import check_database_name, stored_name
from vearch_plugin.legacy.schema import Schema

CATALOGUE = "nearid.legacy.databases"
"""The catalogue's name; no space of a database is called so, since their names hold one dot only."""

OWN_VECTORS = "own-vectors"
"""Stands for the extractor of a space whose vectors the programs make themselves."""

_ATTRIBUTE = "legacy"
_DATABASE = "database:"

_making = threading.Lock()  # what is made gets the next number


@dataclass(frozen=True, slots=True)
class Database:
    """A named group of spaces."""

    name: str
    id: int


@dataclass(frozen=True, slots=True)
class LegacySpace:
    """A space of a database.

    Attributes:
        database: whose it is.
        id: its number.
        schema: what it was made with.
        info: the store's space.
    """

    database: Database
    id: int
    schema: Schema
    info: SpaceInfo

    @property
    def place(self) -> Place:
        """How answers call it."""
        return Place(self.database.name, self.schema.name, self.schema.long_ids)

    @property
    def has_extractor(self) -> bool:
        """Whether images can be given for vectors."""
        return self.info.extractor != OWN_VECTORS


class SpaceMaker(Protocol):
    """Says which extractor a new space is for."""

    def __call__(self, schema: Schema, name: str) -> SpaceInfo | None:
        """The store's space for an extractor whose vectors fit the schema; ``None`` where none does."""


class Catalogue:
    """The databases and spaces of a store.

    Args:
        store: where they are.
    """

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def create_database(self, name: object) -> Database:
        """Makes a database.

        Raises:
            DatabaseExistsError: if the name is taken.
            MasterRequestError: if it can be no name.
            InvalidInputError: if there is none, or it is a word of a route.
        """
        checked = check_database_name(name)
        with _making:
            databases = self._databases()
            if checked in databases:
                raise DatabaseExistsError(checked)
            database = Database(checked, 1 + max((known.id for known in databases.values()), default=0))
            self._store.create_space(_CATALOGUE_SPACE, exist_ok=True)
            self._store.annotate(CATALOGUE, {_DATABASE + checked: database.id})
        return database

    def databases(self) -> list[Database]:
        """All databases, by number."""
        return sorted(self._databases().values(), key=lambda database: database.id)

    def database(self, name: str) -> Database:
        """A database by its name, or its number written as one.

        Raises:
            DatabaseNotFoundError: if there is none.
        """
        databases = self._databases()
        numbered = {str(database.id): database for database in databases.values()}
        if name not in databases and name not in numbered:
            raise DatabaseNotFoundError
        return databases.get(name) or numbered[name]

    def drop_database(self, name: str) -> None:
        """Removes a database that holds no spaces any more.

        Raises:
            DatabaseNotFoundError: if there is none of this name.
            DatabaseNotEmptyError: if it still holds spaces.
        """
        database = self.database(name)
        if self.spaces(database.name):
            raise DatabaseNotEmptyError
        self._store.annotate(CATALOGUE, {_DATABASE + database.name: None})

    def create_space(self, database_name: str, request: Mapping[str, Any], *, maker: SpaceMaker) -> LegacySpace:
        """Makes a space from its schema.

        Args:
            database_name: whose it is to be.
            request: the schema as the program sent it.
            maker: finds the extractor it is for.

        Raises:
            DatabaseNotFoundError: if there is no such database.
            LegacySpaceExistsError: if the name is taken.
            MasterRequestError: if the schema says what NearID cannot keep.
        """
        database = self.database(database_name)
        schema = Schema.parse(request)
        name = stored_name(database.name, schema.name)
        info = maker(schema, name) or _space_of_own_vectors(schema, name)
        with _making:
            number = 1 + max((space.id for space in self.all_spaces()), default=0)
            kept = {"id": number, "database": database.name, "request": dict(schema.request)}
            try:
                made = self._store.create_space(_with_attributes(info, {**info.attributes, _ATTRIBUTE: kept}))
            except (SpaceExistsError, FingerprintMismatchError) as error:
                raise LegacySpaceExistsError from error
        return LegacySpace(database, number, schema, made)

    def space(self, database_name: str, space_name: str) -> LegacySpace:
        """A space by its name.

        Raises:
            DatabaseNotFoundError: if there is no such database.
            LegacySpaceNotFoundError: if it has no such space.
        """
        database = self.database(database_name)
        try:
            info = self._store.info(stored_name(database.name, space_name))
        except SpaceNotFoundError as error:
            raise LegacySpaceNotFoundError from error
        if _ATTRIBUTE not in info.attributes:
            raise LegacySpaceNotFoundError
        return _read(info, database)

    def spaces(self, database_name: str) -> list[LegacySpace]:
        """The spaces of a database, by number.

        Raises:
            DatabaseNotFoundError: if there is no such database.
        """
        database = self.database(database_name)
        return sorted(
            (space for space in self.all_spaces() if space.database.name == database.name), key=lambda space: space.id
        )

    def drop_space(self, database_name: str, space_name: str) -> None:
        """Removes a space and all its documents.

        Raises:
            DatabaseNotFoundError: if there is no such database.
            LegacySpaceNotFoundError: if it has no such space.
        """
        self._store.drop_space(self.space(database_name, space_name).info.name)

    def _databases(self) -> dict[str, Database]:
        try:
            attributes = self._store.info(CATALOGUE).attributes
        except SpaceNotFoundError:
            return {}
        names = {key.removeprefix(_DATABASE): id_ for key, id_ in attributes.items() if key.startswith(_DATABASE)}
        return {name: Database(name, id_) for name, id_ in names.items() if isinstance(id_, int)}

    def all_spaces(self) -> list[LegacySpace]:
        """The spaces of all databases."""
        databases = self._databases()
        infos = (info for info in self._store.list_spaces() if _ATTRIBUTE in info.attributes)
        named = ((info, databases.get(info.name.partition(".")[0])) for info in infos)
        return [_read(info, database) for info, database in named if database is not None]


def _read(info: SpaceInfo, database: Database) -> LegacySpace:
    kept: Any = info.attributes[_ATTRIBUTE]
    return LegacySpace(database, kept["id"], Schema.parse(kept["request"]), info)


def _space_of_own_vectors(schema: Schema, name: str) -> SpaceInfo:
    """A space for vectors of the programs' own, which compare with no other space's."""
    dimension = schema.vector.dimension
    parts = json.dumps([OWN_VECTORS, name, dimension])
    return SpaceInfo(name, OWN_VECTORS, dimension, hashlib.sha256(parts.encode()).hexdigest())


def _with_attributes(info: SpaceInfo, attributes: Mapping[str, object]) -> SpaceInfo:
    return SpaceInfo(
        info.name, info.extractor, info.dimension, info.fingerprint, info.recipe, index=info.index,
        attributes=attributes,
    )  # fmt: skip


_CATALOGUE_SPACE = SpaceInfo(
    CATALOGUE, OWN_VECTORS, 1, hashlib.sha256(json.dumps([CATALOGUE]).encode()).hexdigest()
)  # fmt: skip
