"""A filter in SQL selects exactly what ``filters.matches`` selects, and by an index where there is one."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

from util.errors import InvalidInputError
from util.records import SpaceInfo
from util.vector_store import open_store
from util.vector_store.embedded import images
from util.vector_store.embedded.spaces import need_space
from util.vector_store.embedded.where_sql import where_sql
from util.vector_store.filters import Range, matches

NAMES = st.sampled_from(["item", "sha256", "a", "A", "a.b", "a[0]", "$.a", "", '"', 'a"b', "it's", "\\", "\n", "é"])
TEXTS = st.sampled_from(["", "a", "7", "7.0", "true", "null", '["a"]', "é", "É", "%", '"', "\\n"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5
)
INTEGERS = st.sampled_from([0, 1, 7, -1, 2**31, 2**53 + 1, -(2**63), 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.sampled_from([0.0, -0.0, 1.0, 7.0, 0.1, 1e23, 5e-324, 1.7e308, 2.0**63, 2.0**53]) | st.floats(
    allow_nan=False, allow_infinity=False
)
STORED = TEXTS | INTEGERS | FLOATS | st.booleans() | st.none() | st.lists(TEXTS, max_size=3)
METADATA = st.dictionaries(NAMES, STORED, max_size=5)

ASKED = TEXTS | INTEGERS | FLOATS | st.sampled_from([float("inf"), float("nan"), 2**64]) | st.booleans()
ENDS = INTEGERS | FLOATS | st.sampled_from([float("inf"), float("-inf"), float("nan")])
RANGES = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), ENDS, min_size=1, max_size=3).map(
    lambda ends: Range(**ends)
)
WHERE = st.dictionaries(NAMES, ASKED | st.lists(ASKED, max_size=4) | RANGES, max_size=3)


@pytest.fixture(scope="module")
def store():
    with open_store("embedded::memory:") as opened:
        yield opened


class Filled:
    """A space of given metadata, by its SQL."""

    spaces = 0

    def __init__(self, store, metadata):
        type(self).spaces += 1
        self.store, self.name = store, f"filled {self.spaces}"
        store.create_space(SpaceInfo(self.name, "e", 2, "f"))
        self.ids = [f"{number:03}" for number in range(len(metadata))]
        vectors = np.tile(np.float32([1, 0]), (len(metadata), 1))
        store.upsert(self.name, self.ids, vectors, metadata, fingerprint="f")

    def selected(self, where):
        with self.store._database.reading() as connection:
            return images.matching_ids(connection, need_space(connection, self.name), where_sql(where))

    def plan(self, query, where):
        """What SQLite does for a query of ``images``, in its own words."""
        with self.store._database.reading() as connection:
            asked = []
            connection.set_trace_callback(asked.append)
            query(connection, need_space(connection, self.name), where)
            connection.set_trace_callback(None)
            return " | ".join(step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {asked[-1]}"))


def value_or_close(metadata, where):
    """Makes conditions likely that hold: takes some of them from the metadata."""
    for fields in metadata:
        for name, value in fields.items():
            if name in where and isinstance(value, str | int | float):
                return where | {name: value}
    return where


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.lists(METADATA, min_size=1, max_size=6), where=WHERE, near=st.booleans())
@example(metadata=[{"item": True}, {"item": 1}, {"item": 1.0}, {"item": "1"}], where={"item": [1]}, near=False)
@example(metadata=[{"item": ["a"]}, {"item": '["a"]'}, {"item": "a"}], where={"item": ["a", '["a"]']}, near=False)
@example(metadata=[{"a": 0.1 + 0.2}, {"a": 0.3}], where={"a": 0.30000000000000004}, near=False)
@example(metadata=[{"": 1}, {"a": 1}], where={"": 1}, near=False)
def test_selects_what_matches(store, metadata, where, near):
    where = value_or_close(metadata, where) if near else where
    filled = Filled(store, metadata)
    expected = [id_ for id_, fields in zip(filled.ids, metadata, strict=True) if matches(fields, where)]
    assert filled.selected(where) == expected
    assert store.count(filled.name, where) == len(expected)
    assert [id_ for batch in store.iterate(filled.name, where=where, batch_size=2) for id_ in batch.ids] == expected
    store.drop_space(filled.name)


@pytest.mark.parametrize("where", [{"a": "x\0"}, {"a\0": "x"}, {"a": "\udc80"}, {"\udc80": "x"}, {"item": "a\0"}])
def test_text_that_no_store_can_hold_matches_nothing(store, where):
    filled = Filled(store, [{"a": "x", "item": "a", "": "x"}])
    assert filled.selected(where) == []


@pytest.mark.parametrize("condition", [2**63 + 1, [2**200 + 1], Range(gt=-(2**63) - 1), 2**1024, 10**400])
def test_numbers_beyond_64_bits_are_refused(condition):
    with pytest.raises(InvalidInputError, match="64 bits"):
        where_sql({"a": condition})


def test_a_filter_of_very_many_values(store):
    filled = Filled(store, [{"sha256": f"{number:064x}", "n": number} for number in range(20)])
    many = [f"{number:064x}" for number in range(10, 100_000)]
    assert filled.selected({"sha256": many}) == filled.ids[10:]


def test_a_filter_is_no_sql(store):
    filled = Filled(store, [{"a": "x"}])
    for evil in ("' OR 1=1 --", '") OR 1=1 --', "x'; DROP TABLE images; --"):
        assert filled.selected({"a": evil}) == []
        assert filled.selected({evil: "x"}) == []
        assert filled.selected({"item": evil}) == []


@pytest.mark.parametrize(("field", "value"), [("item", "a"), ("item", 7), ("item", ["a", "b", 7]), ("sha256", "0")])
@pytest.mark.parametrize("query", [images.matching_keys, images.matching_ids, images.count_matching])
def test_fields_asked_for_often_are_found_by_their_index(store, field, value, query):
    filled = Filled(store, [{"item": "a", "sha256": "0"}])
    where = where_sql({"other": 1, field: value})
    assert where.narrowed
    plan = filled.plan(query, where)
    assert f"USING INDEX images_by_{field} (space=? AND <expr>=?)" in plan
    assert f"USING INDEX images_with_{field}_list (space=?)" in plan
    assert "images_by_space" not in plan
    assert "SCAN images" not in plan


@pytest.mark.parametrize("where", [{"item": 0.5}, {"item": Range(gt=1)}, {"item": True}, {"item": 2**40}, {"x": "a"}])
def test_other_filters_go_through_the_space_in_the_order_of_its_rows(store, where):
    filled = Filled(store, [{"item": "a"}])
    assert not where_sql(where).narrowed
    assert "USING INDEX images_by_space (space=?" in filled.plan(images.matching_keys, where_sql(where))


def test_other_queries_use_indexes_too(store):
    filled = Filled(store, [{"item": "a"}])
    everything = where_sql({})

    def page(connection, space, where):
        images.page_of_images(connection, space, where, after="a", size=10)

    def by_ids(connection, space, where):
        images.images_of_ids(connection, space, ["000", "001"])

    def new_vectors(connection, space, where):
        list(images.vectors_after(connection, space, 0))

    def names(connection, space, where):
        images.ids_by_key(connection, space)

    assert "sqlite_autoindex_images_1 (space=? AND id>?)" in filled.plan(page, everything)
    assert "TEMP B-TREE" not in filled.plan(page, everything)
    assert "sqlite_autoindex_images_1 (space=? AND id=?)" in filled.plan(by_ids, everything)
    assert "COVERING INDEX images_by_space (space=? AND rowid>?)" in filled.plan(new_vectors, everything)
    assert filled.plan(names, everything) == "SEARCH images USING COVERING INDEX sqlite_autoindex_images_1 (space=?)"
