"""Which index a space gets."""

import pytest
from vearch_wire.schemas import check_space

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.vector_store.vearch.indexes import PARAMETERS, plan_index, search_parameters
from util.vector_store.vearch.schema import schema


def space(factory: str = "Flat", /, dimension: int = 32, **options: object) -> SpaceInfo:
    return SpaceInfo("s", "e", dimension, "f", index=factory, attributes={"vearch": options} if options else {})


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "FLAT"),
        ({"expected": "100000"}, "FLAT"),
        ({"expected": "100001"}, "HNSW"),
        ({"expected": "400000", "partitions": "4"}, "FLAT"),
        ({"expected": "10", "index": "hnsw"}, "HNSW"),
    ],
)
def test_the_expected_size_of_a_partition_decides_unless_an_index_is_named(options, kind):
    assert plan_index(space(), options).kind == kind


def test_attributes_win_over_the_url_and_a_factory_string_over_both():
    url = {"index": "IVFFLAT", "replicas": "3", "nprobe": "7"}
    assert plan_index(space(index="HNSW", efConstruction=50), url).parameters == {"efConstruction": 50}
    plan = plan_index(space("HNSW48", index="IVFPQ", partitions=2), url)
    assert (plan.kind, plan.parameters, plan.replicas, plan.partitions) == ("HNSW", {"nlinks": 48}, 3, 2)


@pytest.mark.parametrize(
    ("factory", "kind", "parameters"),
    [
        ("HNSW32,Flat", "HNSW", {"nlinks": 32}),
        ("IVF256,Flat", "IVFFLAT", {"ncentroids": 256, "nprobe": 16, "training_threshold": 9984}),
        ("IVF8,PQ4x4", "IVFPQ", {"ncentroids": 8, "nprobe": 8, "nsubvector": 4, "nbits_per_idx": 4}),
    ],
)
def test_factory_strings_of_faiss_are_understood(factory, kind, parameters):
    plan = plan_index(space(factory), {})
    assert plan.kind == kind
    assert plan.parameters.items() >= parameters.items()


@pytest.mark.parametrize("kind", ["FLAT", "HNSW", "IVFFLAT", "IVFPQ"])
@pytest.mark.parametrize("expected", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("dimension", [2, 30, 512])
def test_what_is_planned_a_server_takes(kind, expected, dimension):
    plan = plan_index(space(dimension=dimension, index=kind, expected=expected), {})
    body = schema("space_s", dimension, plan)
    check_space(body, partition_servers=1)
    assert body["fields"][-1]["index"]["params"]["metric_type"] == "InnerProduct"


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (space(index="DISKANN_STATIC"), "no index of Vearch that can be used"),
        (space(index="HNSW", nlinks=7), "nlinks is a whole number from 8 to 96, not 7"),
        (space(index="HNSW", nlinks=True), "nlinks"),
        (space(index="HNSW", efConstruction="many"), "efConstruction"),
        (space(index="FLAT", nlinks=16), "no option 'nlinks'"),
        (space(index="IVFFLAT", ncentroids=6), "ncentroids"),
        (space(index="IVFFLAT", ncentroids=20, nprobe=21), "nprobe"),
        (space(index="IVFFLAT", ncentroids=20, training_threshold=255), "training_threshold"),
        (space(index="IVFFLAT", ncentroids=2000, training_threshold=1999), "training_threshold"),
        (space(index="IVFPQ", nsubvector=7), "divide the dimension 32"),
        (space(dimension=1, index="IVFPQ"), "divide the dimension 1"),
        (space(partitions=0), "partitions"),
        (space(replicas=-1), "replicas"),
        (space(index="FLAT", shards=2), "no option 'shards'"),
        (space("PCA16,Flat"), "Vearch has no index 'PCA16,Flat'"),
        (SpaceInfo("s", "e", 2, "f", attributes={"vearch": 7}), "maps options to values"),
    ],
)
def test_what_cannot_be_is_refused(given, part):
    with pytest.raises(InvalidInputError, match=part):
        plan_index(given, {})


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("HNSW", "efSearch=128", {"efSearch": 128}),
        ("IVFPQ", "nprobe=9,recall_num=50", {"nprobe": 9, "recall_num": 50}),
        ("HNSW", "ef=128", {"efSearch": 128}),
        ("IVFFLAT", "probes = 64", {"nprobe": 64}),
    ],
)
def test_search_parameters_are_those_of_the_index(kind, text, expected):
    assert search_parameters(kind, {"search_parameters": text}) == expected
    assert search_parameters(kind, {}) == {}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("FLAT", "efSearch=8"), ("HNSW", "nprobe=8"), ("HNSW", "efSearch=0"), ("HNSW", "efSearch"), ("HNSW", 7)],
)
def test_other_search_parameters_are_refused(kind, value):
    with pytest.raises(InvalidInputError):
        search_parameters(kind, {"search_parameters": value})


def test_every_kind_has_a_place_for_its_vectors():
    for kind in PARAMETERS:
        vector = schema("s", 32, plan_index(space(index=kind), {}))["fields"][-1]
        assert vector["store_type"] == ("RocksDB" if "IVF" in kind else "MemoryOnly")


@pytest.mark.parametrize(
    ("index", "kind", "parameters"),
    [
        ("flat", "FLAT", {}),
        ("auto", "FLAT", {}),
        ("hnsw", "HNSW", {}),
        ("hnsw:m=48,ef=99,construction=120", "HNSW", {"nlinks": 48, "efSearch": 99, "efConstruction": 120}),
        ("ivf:lists=64,probes=8", "IVFFLAT", {"ncentroids": 64, "nprobe": 8, "training_threshold": 2496}),
    ],
)
def test_names_of_indexes_are_translated(index, kind, parameters):
    plan = plan_index(SpaceInfo("s", "e", 512, "f", index=index), {})
    assert (plan.kind, plan.parameters) == (kind, parameters)


def test_a_name_with_codes_is_translated():
    plan = plan_index(SpaceInfo("s", "e", 512, "f", index="ivfpq:bytes=32"), {})
    assert (plan.kind, plan.parameters["nsubvector"]) == ("IVFPQ", 32)


@pytest.mark.parametrize(
    ("index", "part"),
    [
        ("pq", "Vearch has no index 'pq': use flat, auto, hnsw, ivf, ivfpq"),
        ("hnsw:pca=64", "takes no option 'pca' of the index 'hnsw': it takes m, construction, ef"),
        ("ivfpq:bits=4", "takes no option 'bits'"),
        ("hsnw", "there are flat, ivf"),
    ],
)
def test_names_that_vearch_has_not_are_refused(index, part):
    with pytest.raises(InvalidInputError, match=part):
        plan_index(SpaceInfo("s", "e", 512, "f", index=index), {})
