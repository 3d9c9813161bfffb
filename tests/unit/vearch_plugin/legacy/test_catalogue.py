"""Databases and spaces live in the store: another service on it sees them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.search.copying import copy_space
from util.vector_store import open_store
from vearch_plugin.legacy.catalogue import OWN_VECTORS, Catalogue
from vearch_plugin.legacy.describing import describe_health, describe_space
from vearch_plugin.legacy.errors import (
    DatabaseExistsError,
    DatabaseNotEmptyError,
    DatabaseNotFoundError,
    LegacySpaceExistsError,
    LegacySpaceNotFoundError,
    MasterRequestError,
)
from vearch_plugin.legacy.schema import Schema


def own_vectors(schema: Schema, name: str) -> None:
    """No extractor fits any space."""


def color_texture(schema: Schema, name: str) -> SpaceInfo:
    """One fits all of them."""
    return SpaceInfo(name, "color_texture", schema.vector.dimension, "f" * 64, recipe="square")


@pytest.fixture
def store():
    with open_store("embedded::memory:") as opened:
        yield opened


@pytest.fixture
def catalogue(store):
    return Catalogue(store)


def test_databases_come_and_go(store, catalogue):
    assert [catalogue.create_database(name).id for name in ("bottle", "carton")] == [1, 2]
    again = Catalogue(store)
    assert [database.name for database in again.databases()] == ["bottle", "carton"]
    assert again.database("bottle") == again.database("1")
    again.drop_database("bottle")
    assert [database.name for database in catalogue.databases()] == ["carton"]
    assert catalogue.create_database("bottle").id == 3, "a number in use is not given twice"


def test_of_many_who_make_the_same_database_one_does(store):
    def make(number):
        try:
            return Catalogue(store).create_database(f"d{number % 3}").id
        except DatabaseExistsError:
            return None

    with ThreadPoolExecutor(8) as threads:
        made = [number for number in threads.map(make, range(24)) if number is not None]
    assert sorted(made) == [1, 2, 3]
    assert sorted(database.id for database in Catalogue(store).databases()) == [1, 2, 3]


def test_looking_changes_nothing(store, catalogue):
    assert catalogue.databases() == []
    with pytest.raises(DatabaseNotFoundError):
        catalogue.space("bottle", "bottle")
    assert store.list_spaces() == []


def test_a_copied_space_is_one_of_its_database_there_too(store, catalogue, request_for_bottles, tmp_path):
    catalogue.create_database("bottle")
    made = catalogue.create_space("bottle", request_for_bottles, maker=own_vectors)
    with open_store(f"embedded:{tmp_path / 'nearid.db'}") as target:
        copy_space(store, "bottle.bottle", target)
        there = Catalogue(target)
        there.create_database("bottle")
        assert there.space("bottle", "bottle").schema == made.schema


def test_spaces_come_and_go(store, catalogue, request_for_bottles):
    catalogue.create_database("bottle")
    made = catalogue.create_space("bottle", request_for_bottles, maker=own_vectors)
    assert Catalogue(store).space("bottle", "bottle") == made
    assert store.info("bottle.bottle").extractor == OWN_VECTORS
    assert not made.has_extractor
    catalogue.drop_space("bottle", "bottle")
    assert catalogue.spaces("bottle") == []
    catalogue.drop_database("bottle")


def test_a_space_is_that_of_an_extractor_where_one_fits(store, catalogue, request_for_bottles):
    catalogue.create_database("bottle")
    made = catalogue.create_space("bottle", request_for_bottles, maker=color_texture)
    info = store.info("bottle.bottle")
    assert (info.extractor, info.fingerprint, info.recipe) == ("color_texture", "f" * 64, "square")
    assert made.has_extractor


def test_vectors_of_the_programs_own_compare_within_their_space_only(store, catalogue, request_for_bottles):
    for database in ("one", "two"):
        catalogue.create_database(database)
        catalogue.create_space(database, request_for_bottles, maker=own_vectors)
    assert store.info("one.bottle").fingerprint != store.info("two.bottle").fingerprint


def test_spaces_are_those_of_their_database_only(catalogue, request_for_bottles):
    for database in ("one", "two"):
        catalogue.create_database(database)
    for name in ("b", "a"):
        catalogue.create_space("one", {**request_for_bottles, "name": name}, maker=own_vectors)
    assert [(space.schema.name, space.id) for space in catalogue.spaces("one")] == [("b", 1), ("a", 2)]
    assert catalogue.spaces("two") == []


def test_other_spaces_of_the_store_are_no_databases_spaces(store, catalogue):
    catalogue.create_database("bottle")
    store.create_space(SpaceInfo("bottle.orb", "orb", 4, "f" * 64))
    store.create_space(SpaceInfo("grocery", "orb", 4, "f" * 64))
    assert catalogue.spaces("bottle") == []
    with pytest.raises(LegacySpaceNotFoundError):
        catalogue.space("bottle", "orb")


def test_what_the_master_refused(catalogue, request_for_bottles):
    catalogue.create_database("test")
    catalogue.create_space("test", request_for_bottles, maker=own_vectors)
    refusals = [
        (lambda: catalogue.create_database("test"), DatabaseExistsError, 550, "dbname test is exists"),
        (lambda: catalogue.create_database("7up"), MasterRequestError, 550, "starts with a letter"),
        (lambda: catalogue.create_database(["list"]), MasterRequestError, 550, "starts with a letter"),
        (lambda: catalogue.database("missing"), DatabaseNotFoundError, 562, "db_notexists"),
        (lambda: catalogue.drop_database("test"), DatabaseNotEmptyError, 563, "db_not_empty"),
        (lambda: catalogue.space("test", "missing"), LegacySpaceNotFoundError, 565, "space_notexists"),
        (lambda: catalogue.space("test", "../x"), LegacySpaceNotFoundError, 565, "space_notexists"),
        (lambda: catalogue.drop_space("test", "missing"), LegacySpaceNotFoundError, 565, "space_notexists"),
        (
            lambda: catalogue.create_space("test", request_for_bottles, maker=own_vectors),
            LegacySpaceExistsError, 564, "dup_space",
        ),
        (
            lambda: catalogue.create_space("test", request_for_bottles, maker=color_texture),
            LegacySpaceExistsError, 564, "dup_space",
        ),
    ]  # fmt: skip
    for refused, kind, code, message in refusals:
        with pytest.raises(kind, match=message) as caught:
            refused()
        assert caught.value.master_code == code


@pytest.mark.parametrize(("name", "part"), [(None, "is required"), ("list", "can not in"), ("v1", "can not in")])
def test_names_that_the_plugin_itself_refused(catalogue, name, part):
    with pytest.raises(InvalidInputError, match=part):
        catalogue.create_database(name)


def test_how_a_space_is_shown(catalogue, request_for_bottles):
    catalogue.create_database("bottle")
    shown = describe_space(catalogue.create_space("bottle", request_for_bottles, maker=own_vectors))
    assert {name: shown[name] for name in ("id", "name", "version", "db_id", "partition_num", "replica_num")} == {
        "id": 1, "name": "bottle", "version": 1, "db_id": 1, "partition_num": 1, "replica_num": 1,
    }  # fmt: skip
    assert shown["properties"] == request_for_bottles["properties"]
    assert shown["engine"] == request_for_bottles["engine"]
    assert shown["space_properties"]["image"] == {"field_type": 5, **request_for_bottles["properties"]["image"]}
    health = describe_health(catalogue.database("bottle"), catalogue.spaces("bottle"))
    assert (health["db_name"], health["space_num"], health["doc_num"], health["status"]) == ("bottle", 1, 0, "green")
