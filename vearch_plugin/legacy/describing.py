"""What a space, a database and the whole service look like to a program of 2021."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vearch_plugin.legacy.catalogue import Database, LegacySpace

_FIELD_TYPES = {
    **dict.fromkeys(("integer", "int", "short", "byte"), 0),
    "long": 1,
    "float": 2,
    "double": 3,
    **dict.fromkeys(("keyword", "string", "text"), 4),
    "vector": 5,
    **dict.fromkeys(("bool", "boolean"), 6),
    "date": 8,
}
"""The server's numbers for the types of fields."""

_SERVER = 1  # one service answers for whatever lies behind it


def describe_database(database: Database) -> dict[str, Any]:
    """A database, as ``GET /db/{db}`` shows it."""
    return {"id": database.id, "name": database.name}


def describe_space(space: LegacySpace) -> dict[str, Any]:
    """A space, as ``GET /space/{db}/{space}`` shows it: what was asked for, and one partition."""
    request = space.schema.request
    partition = {
        "id": space.id,
        "space_id": space.id,
        "db_id": space.database.id,
        "partition_slot": 0,
        "replicas": [_SERVER],
    }
    return {
        "id": space.id,
        "name": space.schema.name,
        "version": 1,
        "db_id": space.database.id,
        "enabled": True,
        "partitions": [partition],
        "partition_num": space.schema.partition_num,
        "replica_num": space.schema.replica_num,
        "properties": request["properties"],
        "engine": request.get("engine", {"name": "gamma"}),
        **({"models": request["models"]} if "models" in request else {}),
        "space_properties": _space_properties(space),
    }


def describe_health(database: Database, spaces: Sequence[LegacySpace]) -> dict[str, Any]:
    """How a database is, as ``GET /_cluster/health`` shows it: a store that answers is green."""
    return {
        "db_name": database.name,
        "space_num": len(spaces),
        "doc_num": sum(space.info.count for space in spaces),
        "size": 0,
        "spaces": [_space_health(space) for space in spaces],
        "status": "green",
        "errors": None,
    }


def describe_servers(spaces: Sequence[LegacySpace]) -> dict[str, Any]:
    """The servers, as ``GET /list/server`` shows them: this service is the only one."""
    server = {"name": _SERVER, "p_ids": [space.id for space in spaces]}
    return {"servers": [{"server": server, "partitions": [_partition(space) for space in spaces]}], "count": 1}


def describe_stats(spaces: Sequence[LegacySpace]) -> list[dict[str, Any]]:
    """The servers' state, as ``GET /_cluster/stats`` shows it; memory and load are at ``/metrics``."""
    return [{"status": 200, "name": _SERVER, "partition_infos": [_partition(space) for space in spaces]}]


def _space_health(space: LegacySpace) -> dict[str, Any]:
    return {
        "name": space.schema.name,
        "partition_num": 1,
        "replica_num": 1,
        "doc_num": space.info.count,
        "size": 0,
        "partitions": [_partition(space)],
        "status": "green",
    }


def _partition(space: LegacySpace) -> dict[str, Any]:
    return {"pid": space.id, "doc_num": space.info.count, "replica_num": 1, "color": "green"}


def _space_properties(space: LegacySpace) -> dict[str, Any]:
    described = dict(space.schema.request["properties"])
    return {name: {"field_type": _FIELD_TYPES[given["type"]], **given} for name, given in described.items()}
