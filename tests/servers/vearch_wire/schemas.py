"""What Vearch checks when a space is made."""

import re
from typing import Any

from vearch_wire.refusals import need

NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")
KEYS = {"name", "partition_num", "replica_num", "fields", "refresh_interval", "enable_id_cache", "resource_name"}
SCALARS = {"string", "string_array", "integer", "long", "float", "double", "bool", "date"}
# Parameter: least, most. What stands here for IVF is what both the router and the engine check.
INDEXES: dict[str, dict[str, tuple[int, int]]] = {
    "FLAT": {},
    "HNSW": {"nlinks": (8, 96), "efConstruction": (16, 1024), "efSearch": (1, 2**31)},
    "IVFFLAT": {"ncentroids": (1, 262144), "nprobe": (1, 262144), "training_threshold": (256, 2**31)},
    "IVFPQ": {"ncentroids": (1, 262144), "nprobe": (1, 262144), "training_threshold": (256, 2**31)},
}


def check_space(body: dict[str, Any], *, partition_servers: int) -> None:
    """Refuses what the master or an engine would refuse."""
    need(set(body) <= KEYS, f"unknown keys {set(body) - KEYS}")
    need(isinstance(body.get("name"), str) and bool(NAME.match(body["name"])), "space name is not allowed")
    replicas = body.get("replica_num", 0)
    need((replicas or 3) <= partition_servers, "internal_error:not enough partition servers", code=1)
    fields = body.get("fields")
    need(isinstance(fields, list) and bool(fields), "fields are empty")
    names = [field.get("name") for field in fields]
    need(len(set(names)) == len(names), "field name can not be duplicate")
    need(not {"", "_id", "_score", None} & set(names), "field name is not allowed")
    indexes = [field["index"]["name"] for field in fields if "index" in field]
    need(len(set(indexes)) == len(indexes), "index name can not be duplicate")
    for field in fields:
        _check_field(field)


def _check_field(field: dict[str, Any]) -> None:
    if field["type"] != "vector":
        need(field["type"] in SCALARS, f"unknown type {field['type']}")
        need(field.get("index", {"type": "SCALAR"})["type"] == "SCALAR", "a scalar field has a SCALAR index")
        return
    need(isinstance(field.get("dimension"), int) and field["dimension"] > 0, "vector field without dimension")
    need("index" in field, "vector field without index")
    kind, params = field["index"]["type"], dict(field["index"].get("params", {}))
    need(kind in INDEXES, f"index type {kind} is not supported")
    # The defaults differ between index types; a client that relies on them sorts wrongly one day.
    need(params.pop("metric_type", None) in ("InnerProduct", "L2"), "metric_type has to be explicit")
    store = {"HNSW": "MemoryOnly", "FLAT": "MemoryOnly", "IVFFLAT": "RocksDB"}.get(kind, field.get("store_type"))
    need(field.get("store_type", store) == store, f"{kind} is kept as {store}")
    for name, value in params.items():
        least, most = INDEXES[kind].get(name, (-(2**31), 2**31))
        need(isinstance(value, int) and least <= value <= most, f"{name} is out of range")
    if kind.startswith("IVF"):
        _check_lists(params, field["dimension"], products=kind == "IVFPQ")


def _check_lists(params: dict[str, int], dimension: int, *, products: bool) -> None:
    lists = params.get("ncentroids", 0)
    need(params.get("nprobe", 0) <= lists or "nprobe" not in params, "nprobe should be <= ncentroids")
    if "training_threshold" in params:
        need(params["training_threshold"] >= lists, "training_threshold should be >= ncentroids")
    else:
        need((lists or 2048) * 39 >= 256, "ncentroids * 39 should be >= 256")
    need(not products or dimension % params.get("nsubvector", dimension // 2) == 0, "dimension % nsubvector != 0")
