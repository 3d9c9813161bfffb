"""What every store promises (util/vector_store/base.py), held against a dictionary and a loop."""

import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from util.errors import (
    DimensionMismatchError,
    FingerprintMismatchError,
    InvalidInputError,
    NearIdError,
    SpaceExistsError,
    SpaceNotFoundError,
)
from util.records import SpaceInfo, unit_rows
from util.vector_store.base import VectorStore
from util.vector_store.filters import Range, matches

FINGERPRINT = "f" * 64
OTHER = "0" * 64
DIMENSION = 16


def grid_vectors(count: int, seed: int = 0) -> np.ndarray:
    """Unit rows with four components of ±½: their products are exact in any arithmetic, and many are equal."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, DIMENSION), dtype=np.float32)
    for row in rows:
        row[rng.choice(DIMENSION, size=4, replace=False)] = rng.choice([-0.5, 0.5], size=4)
    return rows


GRID = np.vstack([grid_vectors(12), np.zeros((1, DIMENSION), dtype=np.float32)])


def new_space(store: VectorStore, name: str = "bottles", **properties) -> SpaceInfo:
    values = {"extractor": "color_texture", "dimension": DIMENSION, "fingerprint": FINGERPRINT} | properties
    return store.create_space(SpaceInfo(name, **values))


def put(store: VectorStore, images: dict[str, tuple[np.ndarray, dict]], space: str = "bottles") -> None:
    vectors = np.array([vector for vector, _ in images.values()], dtype=np.float32).reshape(-1, DIMENSION)
    store.upsert(space, list(images), vectors, [fields for _, fields in images.values()], fingerprint=FINGERPRINT)


def naive_search(images, query, k, where=None):
    """The contract in four lines: all scores, one sort."""
    scored = [
        (-np.float32(np.dot(vector.astype(np.float64), query.astype(np.float64))), id_)
        for id_, (vector, fields) in images.items()
        if matches(fields, where or {})
    ]
    return [(id_, -score) for score, id_ in sorted(scored)[:k]]


def found(result):
    return list(zip(result.ids, result.scores.tolist(), strict=True))


# --- spaces ----------------------------------------------------------------------------------------------------------


def test_a_new_space_remembers_its_properties_and_is_empty(store):
    made = new_space(store, recipe="resize=224", attributes={"note": "früh", "nested": {"a": [1, None]}})
    assert made == store.info("bottles")
    assert (made.extractor, made.dimension, made.fingerprint) == ("color_texture", DIMENSION, FINGERPRINT)
    assert (made.recipe, made.metric, made.index, made.count) == ("resize=224", "cosine", "Flat", 0)
    assert dict(made.attributes) == {"note": "früh", "nested": {"a": [1, None]}}


def test_count_given_at_creation_is_ignored(store):
    assert new_space(store, count=7).count == 0


def test_spaces_are_listed_by_name(store):
    for name in ("b", "a", "Z", "ä"):
        new_space(store, name)
    assert [info.name for info in store.list_spaces()] == ["Z", "a", "b", "ä"]


def test_a_name_can_be_taken_once(store):
    new_space(store)
    with pytest.raises(SpaceExistsError, match="'bottles'"):
        new_space(store)


def test_exist_ok_returns_the_space_as_it_is(store):
    new_space(store)
    put(store, {"a": (GRID[0], {})})
    same = SpaceInfo("bottles", "color_texture", DIMENSION, FINGERPRINT)
    assert store.create_space(same, exist_ok=True).count == 1


def test_exist_ok_refuses_another_fingerprint_and_names_both(store):
    new_space(store)
    with pytest.raises(FingerprintMismatchError) as refusal:
        store.create_space(SpaceInfo("bottles", "color_texture", DIMENSION, OTHER), exist_ok=True)
    assert FINGERPRINT[:12] in str(refusal.value)
    assert OTHER[:12] in str(refusal.value)


def test_exist_ok_refuses_another_dimension(store):
    new_space(store)
    with pytest.raises(DimensionMismatchError, match=f"{DIMENSION}, not 8"):
        store.create_space(SpaceInfo("bottles", "color_texture", 8, FINGERPRINT), exist_ok=True)


def test_annotations_merge_and_none_removes(store):
    new_space(store, attributes={"a": 1, "b": {"deep": [1.5, "x"]}})
    info = store.annotate("bottles", {"a": None, "c": True})
    assert dict(info.attributes) == {"b": {"deep": [1.5, "x"]}, "c": True}
    assert store.info("bottles") == info


@pytest.mark.parametrize("value", [math.nan, object(), {1, 2}])
def test_annotations_are_json(store, value):
    new_space(store)
    with pytest.raises(InvalidInputError, match="JSON"):
        store.annotate("bottles", {"a": value})
    assert dict(store.info("bottles").attributes) == {}


def test_a_dropped_space_is_gone_and_its_name_free(store):
    new_space(store)
    new_space(store, "cartons")
    put(store, {"a": (GRID[0], {})})
    put(store, {"b": (GRID[1], {})}, "cartons")
    store.search("bottles", GRID[:1], 1, fingerprint=FINGERPRINT)
    store.drop_space("bottles")
    assert [info.name for info in store.list_spaces()] == ["cartons"]
    new_space(store, dimension=4, fingerprint=OTHER)
    assert store.count("bottles") == 0
    assert store.search("bottles", np.eye(4, dtype=np.float32)[:1], 1, fingerprint=OTHER)[0].ids == ()
    assert store.count("cartons") == 1


def test_spaces_do_not_mix(store):
    new_space(store)
    new_space(store, "cartons")
    put(store, {"a": (GRID[0], {"item": "x"})})
    put(store, {"a": (GRID[1], {"item": "y"}), "b": (GRID[0], {"item": "x"})}, "cartons")
    store.delete("cartons", where={"item": "x"})
    assert store.search("bottles", GRID[:1], 5, fingerprint=FINGERPRINT)[0].ids == ("a",)
    assert store.get("cartons", ["a", "b"]).metadata == ({"item": "y"},)


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.info("nowhere"),
        lambda store: store.drop_space("nowhere"),
        lambda store: store.annotate("nowhere", {}),
        lambda store: store.get("nowhere", ["a"]),
        lambda store: store.count("nowhere"),
        lambda store: store.delete("nowhere", ids=["a"]),
        lambda store: list(store.iterate("nowhere")),
        lambda store: store.refresh("nowhere"),
        lambda store: store.revision("nowhere"),
        lambda store: store.search("nowhere", GRID[:1], 1, fingerprint=FINGERPRINT),
        lambda store: store.upsert("nowhere", ["a"], GRID[:1], [{}], fingerprint=FINGERPRINT),
    ],
)
def test_an_unknown_space_is_refused_with_the_known_ones(store, ask):
    new_space(store, "cartons")
    with pytest.raises(SpaceNotFoundError, match="'nowhere'.*cartons"):
        ask(store)


# --- writing ---------------------------------------------------------------------------------------------------------


def test_writing_an_id_again_replaces_it_everywhere(store):
    new_space(store)
    put(store, {"a": (GRID[0], {"item": "old"}), "b": (GRID[1], {})})
    store.search("bottles", GRID[:1], 2, fingerprint=FINGERPRINT)
    put(store, {"a": (-GRID[0], {"item": "new"})})
    assert store.count("bottles") == 2
    assert store.count("bottles", {"item": "old"}) == 0
    assert dict(found(store.search("bottles", GRID[:1], 2, fingerprint=FINGERPRINT)[0]))["a"] == -1.0


def test_of_an_id_twice_in_a_batch_the_last_counts(store):
    new_space(store)
    store.upsert("bottles", ["a", "b", "a"], GRID[:3], [{"n": 1}, {"n": 2}, {"n": 3}], fingerprint=FINGERPRINT)
    held = store.get("bottles", ["a", "b"])
    assert held.metadata == ({"n": 3}, {"n": 2})
    np.testing.assert_array_equal(held.vectors, GRID[[2, 1]])


def test_what_goes_in_comes_out(store):
    new_space(store)
    fields = {
        "text": 'ü"\\\n日本', "empty": "", "seven": "7", "int": -(2**53), "float": 0.1 + 0.2, "small": 5e-324,
        "true": True, "false": False, "none": None, "tags": ["a", "", "é"], "no tags": [], 'odd "name".x': 1,
    }  # fmt: skip
    vector = unit_rows(np.random.default_rng(1).standard_normal((1, DIMENSION)))
    store.upsert("bottles", ["a b/ü\n'\".jpg"], vector, [fields], fingerprint=FINGERPRINT)
    held = store.get("bottles", ["a b/ü\n'\".jpg"])
    assert dict(held.metadata[0]) == fields
    assert [type(value) for value in held.metadata[0].values()] == [type(value) for value in fields.values()]
    np.testing.assert_array_equal(held.vectors, vector)


def test_get_keeps_the_order_asked_for_and_leaves_out_what_is_missing(store):
    new_space(store)
    put(store, {name: (GRID[n], {"n": n}) for n, name in enumerate("abc")})
    held = store.get("bottles", ["c", "nothing", "a", "a\0", "\udc80"])
    assert held.ids == ("c", "a")
    assert held.vectors.shape == (2, DIMENSION)
    assert held.vectors.dtype == np.float32
    nothing = store.get("bottles", [])
    assert len(nothing) == 0
    assert nothing.vectors.shape == (0, DIMENSION)


def test_delete_by_id_and_by_filter_say_how_many(store):
    new_space(store)
    put(store, {name: (GRID[n], {"n": n}) for n, name in enumerate("abcde")})
    assert store.delete("bottles", ids=["a", "a", "nothing"]) == 1
    assert store.delete("bottles", where={"n": Range(gte=3)}) == 2
    assert store.delete("bottles", where={"n": 99}) == 0
    assert [batch.ids for batch in store.iterate("bottles")] == [("b", "c")]


@pytest.mark.parametrize("arguments", [{}, {"ids": ["a"], "where": {"n": 1}}])
def test_delete_takes_exactly_one_of_ids_and_filter(store, arguments):
    new_space(store)
    with pytest.raises(InvalidInputError, match="exactly one"):
        store.delete("bottles", **arguments)


UNIT = GRID[:2]
BAD_BATCHES = [
    (["a"], UNIT, [{}, {}], {}, InvalidInputError, "as many ids"),
    (["a", "b"], UNIT, [{}], {}, InvalidInputError, "as many ids"),
    (["a", ""], UNIT, [{}, {}], {}, InvalidInputError, "empty"),
    (["a", 7], UNIT, [{}, {}], {}, InvalidInputError, "text"),
    (["a", "b\0"], UNIT, [{}, {}], {}, InvalidInputError, "Unicode"),
    (["a", "\udc80.jpg"], UNIT, [{}, {}], {}, InvalidInputError, "Unicode"),
    (["a", "b"], UNIT * np.float32(1.01), [{}, {}], {}, InvalidInputError, "unit_rows"),
    (["a", "b"], UNIT * np.float32("nan"), [{}, {}], {}, InvalidInputError, "NaN"),
    (["a", "b"], np.full_like(UNIT, np.inf), [{}, {}], {}, InvalidInputError, "NaN or inf"),
    (["a", "b"], UNIT.astype(np.float64), [{}, {}], {}, InvalidInputError, "float32"),
    (["a", "b"], UNIT.tolist(), [{}, {}], {}, InvalidInputError, "float32"),
    (["a"], UNIT[0], [{}], {}, InvalidInputError, "shape"),
    (["a", "b"], UNIT[:, :8], [{}, {}], {}, DimensionMismatchError, "dimension 16"),
    (["a", "b"], UNIT, [{}, {}], {"fingerprint": OTHER}, FingerprintMismatchError, OTHER[:12]),
    (["a", "b"], UNIT, [{}, {"x": math.nan}], {}, InvalidInputError, "finite"),
    (["a", "b"], UNIT, [{}, {"x": 2**63}], {}, InvalidInputError, "64 bits"),
    (["a", "b"], UNIT, [{}, {"x": [1, 2]}], {}, InvalidInputError, "text only"),
    (["a", "b"], UNIT, [{}, {"x": {"y": 1}}], {}, InvalidInputError, "dict"),
    (["a", "b"], UNIT, [{}, {"x": "\0"}], {}, InvalidInputError, "Unicode"),
    (["a", "b"], UNIT, [{}, {1: "x"}], {}, InvalidInputError, "name of a field"),
    (["a", "b"], UNIT, [{}, None], {}, InvalidInputError, "mapping"),
]


@pytest.mark.parametrize(("ids", "vectors", "metadata", "options", "error", "part"), BAD_BATCHES)
def test_a_bad_batch_is_refused_whole(store, ids, vectors, metadata, options, error, part):
    new_space(store)
    put(store, {"a": (GRID[5], {"kept": True})})
    with pytest.raises(error, match=part):
        store.upsert("bottles", ids, vectors, metadata, **({"fingerprint": FINGERPRINT} | options))
    assert store.count("bottles") == 1
    assert store.get("bottles", ["a"]).metadata == ({"kept": True},)


def test_a_revision_changes_with_the_images_of_its_space_alone(store):
    new_space(store)
    if store.revision("bottles") is None:
        pytest.skip("this store cannot tell whether a space has changed")
    seen = [store.revision("bottles")]
    for change in (
        lambda: put(store, {"a": (GRID[0], {"n": 1}), "b": (GRID[1], {})}),
        lambda: put(store, {"a": (GRID[2], {"n": 1})}),
        lambda: put(store, {"a": (GRID[2], {"n": 2})}),
        lambda: store.delete("bottles", ids=["b"]),
        lambda: (store.drop_space("bottles"), new_space(store)),
    ):
        change()
        seen.append(store.revision("bottles"))
    assert len(set(seen)) == len(seen)
    new_space(store, "cartons")
    put(store, {"c": (GRID[3], {})}, "cartons")
    store.annotate("bottles", {"threshold": 0.5})
    store.delete("bottles", ids=["nothing"])
    store.search("bottles", GRID[:1], 1, fingerprint=FINGERPRINT)
    assert store.revision("bottles") == seen[-1]


def test_an_empty_batch_changes_nothing(store):
    new_space(store)
    store.upsert("bottles", [], np.empty((0, DIMENSION), dtype=np.float32), [], fingerprint=FINGERPRINT)
    assert store.count("bottles") == 0


def test_everything_is_there_when_the_store_is_opened_again(open_again: Callable[[], VectorStore]):
    images = {f"{n:02}": (GRID[n], {"n": n, "tags": ["a"]}) for n in range(len(GRID))}
    with open_again() as store:
        new_space(store, attributes={"threshold": 0.75})
        put(store, images)
        store.delete("bottles", ids=["03"])
        before = store.search("bottles", GRID, 20, fingerprint=FINGERPRINT)
    with open_again() as store:
        assert store.info("bottles").attributes["threshold"] == 0.75
        assert store.count("bottles") == len(GRID) - 1
        after = store.search("bottles", GRID, 20, fingerprint=FINGERPRINT)
    assert [found(result) for result in after] == [found(result) for result in before]
    assert [result.metadata for result in after] == [result.metadata for result in before]


def test_a_closed_store_can_be_closed_again_and_says_that_it_is_closed(store):
    store.close()
    store.close()
    with pytest.raises(NearIdError, match="closed"):
        store.list_spaces()


# --- searching -------------------------------------------------------------------------------------------------------


def test_equal_scores_are_ordered_by_id_also_at_the_kth_place(store):
    new_space(store)
    names = [f"copy {n}" for n in range(40)]
    order = np.random.default_rng(3).permutation(40)
    vectors = np.repeat(unit_rows(np.random.default_rng(4).standard_normal((1, DIMENSION))), 40, axis=0)
    store.upsert("bottles", [names[n] for n in order], vectors, [{}] * 40, fingerprint=FINGERPRINT)
    put(store, {"worse": (GRID[0], {})})
    for k in (1, 7, 39, 40):
        result = store.search("bottles", vectors[:1], k, fingerprint=FINGERPRINT)[0]
        assert result.ids == tuple(sorted(names)[:k])
        assert len(set(result.scores.tolist())) == 1


def test_fewer_hits_than_k_only_when_fewer_are_there(store):
    new_space(store)
    put(store, {"a": (GRID[0], {"n": 1}), "b": (GRID[1], {"n": 2})})
    assert len(store.search("bottles", GRID[:1], 10, fingerprint=FINGERPRINT)[0]) == 2
    assert len(store.search("bottles", GRID[:1], 10, fingerprint=FINGERPRINT, where={"n": 2})[0]) == 1
    assert len(store.search("bottles", GRID[:1], 10, fingerprint=FINGERPRINT, where={"n": 3})[0]) == 0


def test_an_empty_space_answers_every_query_with_nothing(store):
    new_space(store)
    assert [result.ids for result in store.search("bottles", GRID[:3], 5, fingerprint=FINGERPRINT)] == [(), (), ()]


def test_no_queries_have_no_answers(store):
    new_space(store)
    put(store, {"a": (GRID[0], {})})
    assert store.search("bottles", GRID[:0], 5, fingerprint=FINGERPRINT) == []


def test_a_row_of_zeros_is_similar_to_nothing(store):
    new_space(store)
    put(store, {"nothing": (GRID[-1], {}), "same": (GRID[0], {}), "opposite": (-GRID[0], {})})
    results = store.search("bottles", GRID[[0, -1]], 3, fingerprint=FINGERPRINT)
    assert found(results[0]) == [("same", 1.0), ("nothing", 0.0), ("opposite", -1.0)]
    assert found(results[1]) == [("nothing", 0.0), ("opposite", 0.0), ("same", 0.0)]
    assert not np.signbit(results[1].scores).any()


def test_scores_never_leave_the_range_of_a_cosine(store):
    new_space(store)
    vectors = unit_rows(np.random.default_rng(5).standard_normal((200, DIMENSION)))
    store.upsert("bottles", [str(n) for n in range(200)], vectors, [{}] * 200, fingerprint=FINGERPRINT)
    for result in store.search("bottles", vectors, 200, fingerprint=FINGERPRINT, with_metadata=False):
        assert result.scores.max() <= 1
        assert result.scores.min() >= -1


def test_results_carry_the_names_of_the_queries_and_the_metadata_of_the_hits(store):
    new_space(store)
    put(store, {"a": (GRID[0], {"item": "milk", "n": 1}), "b": (GRID[1], {"n": 2})})
    first, second = store.search("bottles", GRID[:2], 1, fingerprint=FINGERPRINT, queries=["x.jpg", "y.jpg"])
    assert (first.query, second.query) == ("x.jpg", "y.jpg")
    assert first.hits[0].item == "milk"
    assert dict(first.metadata[0]) == {"item": "milk", "n": 1}
    assert second.hits[0].item is None
    bare = store.search("bottles", GRID[:1], 2, fingerprint=FINGERPRINT, with_metadata=False)[0]
    assert bare.query == ""
    assert [dict(fields) for fields in bare.metadata] == [{}, {}]


@pytest.mark.parametrize(
    ("vectors", "k", "options", "error", "part"),
    [
        (UNIT, 0, {}, InvalidInputError, "at least 1"),
        (UNIT, 1.5, {}, InvalidInputError, "whole number"),
        (UNIT, True, {}, InvalidInputError, "whole number"),
        (UNIT, 1, {"queries": ["one"]}, InvalidInputError, "2 query vectors"),
        (UNIT[:, :3], 1, {}, DimensionMismatchError, "dimension 16"),
        (UNIT * np.float32(2), 1, {}, InvalidInputError, "length 2"),
        (UNIT * np.float32("nan"), 1, {}, InvalidInputError, "NaN"),
        (UNIT[0], 1, {}, InvalidInputError, "shape"),
        (UNIT, 1, {"fingerprint": OTHER}, FingerprintMismatchError, OTHER[:12]),
        (UNIT, 1, {"where": {"a": None}}, InvalidInputError, "filter"),
        (UNIT, 1, {"where": {"a": {"b": 1}}}, InvalidInputError, "filter"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(store, vectors, k, options, error, part):
    new_space(store)
    put(store, {"a": (GRID[0], {})})
    with pytest.raises(error, match=part):
        store.search("bottles", vectors, k, **({"fingerprint": FINGERPRINT} | options))


@pytest.mark.parametrize("k", [1, 3, 10, 300, 1000])
@pytest.mark.parametrize("queries", [1, 70])
def test_random_vectors_are_ranked_as_by_a_loop(store, k, queries):
    rng = np.random.default_rng(6)
    new_space(store)
    vectors = unit_rows(rng.standard_normal((300, DIMENSION)))
    images = {f"{n:03}": (vector, {"even": n % 2 == 0}) for n, vector in enumerate(vectors)}
    put(store, images)
    asked = unit_rows(rng.standard_normal((queries, DIMENSION)))
    for where in (None, {"even": True}):
        results = store.search("bottles", asked, k, fingerprint=FINGERPRINT, where=where)
        for query, result in zip(asked, results, strict=True):
            expected = naive_search(images, query, k, where)
            assert result.ids == tuple(id_ for id_, _ in expected)
            np.testing.assert_allclose(result.scores, [score for _, score in expected], atol=1e-6)


# --- iterating -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("where", [None, {"item": ["x", "y"]}, {"n": Range(gte=2)}, {"item": "nobody"}])
def test_iterate_gives_every_image_once_ordered_by_id(store, size, where):
    new_space(store)
    names = ["b", "a", "ü", "Z", "z\n", "ab", "𝄞"]
    images = {name: (GRID[n], {"n": n, "item": "xyz"[n % 3]}) for n, name in enumerate(names)}
    put(store, images)
    batches = list(store.iterate("bottles", where=where, batch_size=size))
    expected = sorted(name for name in names if matches(images[name][1], where or {}))
    assert [id_ for batch in batches for id_ in batch.ids] == expected
    assert all(len(batch) == size for batch in batches[:-1])
    for batch in batches:
        for id_, vector, fields in zip(batch.ids, batch.vectors, batch.metadata, strict=True):
            np.testing.assert_array_equal(vector, images[id_][0])
            assert dict(fields) == images[id_][1]


@pytest.mark.parametrize("where", [None, {"item": "x"}])
def test_iterate_does_not_stand_in_the_way_of_writing(store, where):
    new_space(store)
    put(store, {f"{n:02}": (GRID[n], {"item": "x"}) for n in range(10)})
    seen = []
    for batch in store.iterate("bottles", where=where, batch_size=2):
        seen += batch.ids
        put(store, {id_: (GRID[0], {"item": "x", "seen": True}) for id_ in batch.ids})
    assert seen == [f"{n:02}" for n in range(10)]
    assert store.count("bottles", {"seen": True}) == 10


def test_a_batch_of_no_images_makes_no_sense(store):
    new_space(store)
    with pytest.raises(InvalidInputError, match="at least one"):
        list(store.iterate("bottles", batch_size=0))


# --- everything at once, against the oracle --------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", "d/e.jpg", "Ü", "'; DROP TABLE images; --", "日本", "x y"])
FIELDS = st.sampled_from(["item", "sha256", "year", "tags", 'a."b', "it's"])
TEXTS = st.sampled_from(["milk", "cream", "7", "true", "", "Ü", '["milk"]'])
NUMBERS = st.sampled_from([-1, 0, 1, 7, 7.0, 0.1, 1.5, 1e300, 2**60])
SCALARS = TEXTS | NUMBERS | st.booleans()
METADATA = st.dictionaries(FIELDS, SCALARS | st.none() | st.lists(TEXTS, max_size=3), max_size=4)
BOUNDS = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS, min_size=1, max_size=2)
WHERE = st.dictionaries(
    FIELDS, SCALARS | st.lists(SCALARS, max_size=3) | BOUNDS.map(lambda ends: Range(**ends)), max_size=2
)
VECTORS = st.integers(0, len(GRID) - 1)


class Images(RuleBasedStateMachine):
    """Any sequence of operations leaves the store as it leaves a dictionary."""

    store: VectorStore
    spaces = 0

    @initialize()
    def begin(self):
        type(self).spaces += 1
        self.space = f"space {self.spaces}"
        self.images = {}
        new_space(self.store, self.space)

    @rule(batch=st.lists(st.tuples(IDS, VECTORS, METADATA), max_size=6))
    def upsert(self, batch):
        ids = [id_ for id_, _, _ in batch]
        vectors = GRID[[vector for _, vector, _ in batch]] if batch else GRID[:0]
        metadata = [fields for _, _, fields in batch]
        self.store.upsert(self.space, ids, vectors, metadata, fingerprint=FINGERPRINT)
        self.images |= {id_: (GRID[vector], fields) for id_, vector, fields in batch}

    @rule(ids=st.lists(IDS, max_size=3))
    def delete_ids(self, ids):
        there = set(ids) & self.images.keys()
        assert self.store.delete(self.space, ids=ids) == len(there)
        for id_ in there:
            del self.images[id_]

    @rule(where=WHERE)
    def delete_where(self, where):
        there = [id_ for id_, (_, fields) in self.images.items() if matches(fields, where)]
        assert self.store.delete(self.space, where=where) == len(there)
        for id_ in there:
            del self.images[id_]

    @rule(queries=st.lists(VECTORS, max_size=3), k=st.integers(1, 10), where=st.none() | WHERE)
    def search(self, queries, k, where):
        asked = GRID[queries] if queries else GRID[:0]
        results = self.store.search(self.space, asked, k, fingerprint=FINGERPRINT, where=where)
        assert [found(result) for result in results] == [naive_search(self.images, q, k, where) for q in asked]
        for result in results:
            assert [dict(fields) for fields in result.metadata] == [self.images[id_][1] for id_ in result.ids]

    @rule(where=st.none() | WHERE, size=st.integers(1, 4))
    def iterate(self, where, size):
        ids = [id_ for batch in self.store.iterate(self.space, where=where, batch_size=size) for id_ in batch.ids]
        assert ids == sorted(id_ for id_, (_, fields) in self.images.items() if matches(fields, where or {}))
        assert self.store.count(self.space, where) == len(ids)

    @rule(ids=st.lists(IDS, max_size=5))
    def get(self, ids):
        held = self.store.get(self.space, ids)
        assert list(held.ids) == [id_ for id_ in ids if id_ in self.images]
        for id_, vector, fields in zip(held.ids, held.vectors, held.metadata, strict=True):
            np.testing.assert_array_equal(vector, self.images[id_][0])
            assert dict(fields) == self.images[id_][1]

    @invariant()
    def counts(self):
        if hasattr(self, "images"):
            assert self.store.info(self.space).count == len(self.images)


def test_any_sequence_of_operations_does_what_it_does_to_a_dictionary(store):
    machine = type("Images", (Images,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_index_of_a_space_is_changed_or_the_store_says_that_it_is_fixed(store):
    new_space(store)
    images = {f"{number:02}": (vector, {"n": number}) for number, vector in enumerate(GRID)}
    put(store, images)
    try:
        asked = store.set_index("bottles", "hnsw:m=8").index
    except InvalidInputError as refusal:
        assert "fixes the index of a space when it is made" in str(refusal)
        asked = "Flat"
    assert store.info("bottles").index == asked
    (found,) = store.search("bottles", GRID[:1], 5, fingerprint=FINGERPRINT)
    assert list(zip(found.ids, found.scores, strict=True)) == naive_search(images, GRID[0], 5)
