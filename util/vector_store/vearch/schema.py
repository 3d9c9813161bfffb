"""The schema of every space of NearID in Vearch; it is the same for all, since metadata is free."""

from __future__ import annotations

from util.vector_store.vearch.indexes import IndexPlan

TEXTS = ("metadata", "metadata_1", "metadata_2", "metadata_3")
"""Fields of the metadata's JSON; the later ones take what is too long for the ones before."""
TERMS = "terms"
"""Field of the words that filters look for."""
SLOT = "slot"
"""Field of a number that is spread evenly over the images and follows from the id, to divide them by."""
VECTOR = "vector"

SLOTS = 2**31
TEXT_BYTES = 65_535
METRIC = "InnerProduct"

# Vearch keeps vectors in segments of this many, and asks for the memory of a whole one.
_SEGMENTS = range(20_000, 500_000)


def schema(name: str, dimension: int, plan: IndexPlan) -> dict[str, object]:
    """The body of the request that makes a space.

    Args:
        name: Vearch's name of the space.
        dimension: of the vectors.
        plan: how it is laid out.
    """
    in_memory = "IVF" not in plan.kind
    vector: dict[str, object] = {
        "name": VECTOR,
        "type": "vector",
        "dimension": dimension,
        "store_type": "MemoryOnly" if in_memory else "RocksDB",
        # The default metric differs between index types, and the router sorts by what stands here.
        "index": {"name": "vector_index", "type": plan.kind, "params": {"metric_type": METRIC, **plan.parameters}},
    }
    if in_memory:
        vector["store_param"] = {"segment_size": min(max(plan.expected, _SEGMENTS.start), _SEGMENTS.stop)}
    return {
        "name": name,
        "partition_num": plan.partitions,
        "replica_num": plan.replicas,
        "fields": [
            *({"name": text, "type": "string"} for text in TEXTS),
            {"name": TERMS, "type": "string_array", "index": {"name": "terms_index", "type": "SCALAR"}},
            {"name": SLOT, "type": "integer", "index": {"name": "slot_index", "type": "SCALAR"}},
            vector,
        ],
    }
