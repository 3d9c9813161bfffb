"""The matrix in pieces behaves as one array."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from util.vector_store.embedded.rows import GrowingArray, VectorRows


def make_rows(sizes, dead=(), dimension=3, seed=0):
    rng = np.random.default_rng(seed)
    pieces = tuple(rng.standard_normal((size, dimension), dtype=np.float32) for size in sizes)
    count = sum(sizes)
    keys = np.cumsum(rng.integers(1, 4, size=count)) if count else np.empty(0, dtype=np.int64)
    return VectorRows(5, keys, pieces, np.array(sorted(set(dead) & set(range(count))), dtype=np.intp))


ROWS = st.builds(
    make_rows,
    st.lists(st.integers(0, 6), min_size=1, max_size=3),
    st.lists(st.integers(0, 17), max_size=8),
    st.integers(1, 4),
    st.integers(0, 99),
)


@given(ROWS)
def test_counts_and_alive(rows):
    alive = [place for place in range(len(rows.keys)) if place not in rows.dead.tolist()]
    assert rows.alive.tolist() == alive
    assert rows.count == len(alive)
    assert rows.last_key == max(rows.keys.tolist(), default=0)


@given(ROWS, st.lists(st.integers(0, 60)))
def test_positions_finds_live_keys_only(rows, keys):
    places = dict(zip(rows.keys[rows.alive].tolist(), rows.alive.tolist(), strict=True))
    expected = sorted(places[key] for key in keys if key in places)
    assert rows.positions(np.array(keys, dtype=np.int64)).tolist() == expected


@given(ROWS, st.data())
def test_take_and_products_see_one_array(rows, data):
    whole = np.concatenate(rows.pieces)
    if len(whole):
        positions = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1))), dtype=np.intp)
        np.testing.assert_array_equal(rows.take(positions), whole[positions])
    queries = data.draw(hnp.arrays(np.float32, (data.draw(st.integers(1, 3)), rows.dimension), elements=st.just(0.5)))
    size = data.draw(st.integers(1, 9))
    parts = dict(rows.products(queries, size))
    expected = queries @ whole.T
    expected[:, rows.dead] = -np.inf
    assert sum(part.shape[1] for part in parts.values()) == len(whole)
    for start, part in parts.items():
        assert 0 < part.shape[1] <= size
        np.testing.assert_allclose(part, expected[:, start : start + part.shape[1]], atol=1e-5)


@given(ROWS, st.data())
def test_only_leaves_some_alive(rows, data):
    chosen = sorted(data.draw(st.sets(st.sampled_from(rows.alive.tolist())))) if rows.count else []
    assert rows.only(np.array(chosen, dtype=np.intp)).alive.tolist() == chosen


@given(ROWS, st.integers(0, 60))
def test_after_is_the_end_of_the_array(rows, key):
    newer, start = rows.after(key)
    assert newer.keys.tolist() == [held for held in rows.keys.tolist() if held > key]
    assert (newer.alive + start).tolist() == [p for p in rows.alive.tolist() if rows.keys[p] > key]
    np.testing.assert_array_equal(np.concatenate(newer.pieces), np.concatenate(rows.pieces)[start:])
    assert newer.dimension == rows.dimension


def test_blocks_leave_the_dead_out():
    rows = make_rows([5000, 4000], dead=range(100, 4200))
    keys, vectors = zip(*rows.blocks(), strict=True)
    np.testing.assert_array_equal(np.concatenate(keys), rows.keys[rows.alive])
    np.testing.assert_array_equal(np.concatenate(vectors), np.concatenate(rows.pieces)[rows.alive])
    assert max(map(len, keys)) < 5000


@pytest.mark.parametrize("capacity", [0, 3, 100])
def test_a_growing_array_keeps_what_it_gave_out(capacity):
    array = GrowingArray((2,), np.float32, capacity=capacity)
    given_out = []
    whole = np.arange(60, dtype=np.float32).reshape(30, 2)
    for start, end in [(0, 0), (0, 1), (1, 4), (4, 5), (5, 21), (21, 30)]:
        array.append(whole[start:end])
        given_out.append((end, array.rows))
    for end, rows in given_out:
        np.testing.assert_array_equal(rows, whole[:end])
