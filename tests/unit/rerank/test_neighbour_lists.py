"""Lists that follow a gallery are those that learning from scratch gives, number for number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.records import unit_rows
from util.rerank._neighbour_lists import NeighbourLists, follow, list_neighbours


def random_vectors(rng, count, dimension):
    """Around common centres; every tenth is a copy of another."""
    centres = rng.normal(size=(max(count // 5, 1), dimension))
    vectors = unit_rows(centres[rng.integers(0, len(centres), count)] + 0.5 * rng.normal(size=(count, dimension)))
    vectors[::10] = vectors[rng.permutation(count)[: len(vectors[::10])]]
    return vectors


def grid_vectors(rng, count, dimension):
    """Of whole numbers: their products are exact, and many are equal; some rows are zeros."""
    return rng.integers(-1, 2, (count, dimension)).astype(np.float32)


def assert_equal_up_to(followed: NeighbourLists, scratch: NeighbourLists, least: int):
    lengths = followed.lengths
    assert (lengths >= min(least, scratch.width)).all()
    for row, length in enumerate(lengths.tolist()):
        np.testing.assert_array_equal(followed.rows[row, :length], scratch.rows[row, :length])
        np.testing.assert_array_equal(followed.cosines[row, :length], scratch.cosines[row, :length])
        assert (followed.rows[row, length:] == -1).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 60),
    steps=st.lists(st.tuples(st.floats(0, 0.6), st.integers(0, 12)), min_size=1, max_size=4),
    dimension=st.sampled_from([2, 5, 16, 33]),
    width=st.integers(1, 12),
    draw=st.sampled_from([random_vectors, grid_vectors]),
)
def test_following_any_changes_is_learning_from_scratch(seed, images, steps, dimension, width, draw):
    rng = np.random.default_rng(seed)
    pool = draw(rng, images + sum(added for _, added in steps), dimension)
    present = np.sort(rng.permutation(len(pool))[:images])  # rows of the pool, as ids would order them
    lists, least = list_neighbours(pool[present], width), max(width - 3, 1)
    for share, added in steps:
        stays = rng.random(len(present)) >= share
        absent = np.setdiff1d(np.arange(len(pool)), present)
        came = rng.permutation(absent)[:added]
        after = np.sort(np.concatenate([present[stays], came]))
        kept, now = np.flatnonzero(stays), np.searchsorted(after, present[stays])
        lists = follow(lists, kept, now, pool[after], least=least)
        scratch = list_neighbours(pool[after], lists.width)
        assert_equal_up_to(lists, scratch, least)
        present = after


@pytest.mark.parametrize("dimension", [16, 512])
def test_many_at_once(dimension):
    rng = np.random.default_rng(0)
    pool = random_vectors(rng, 3000, dimension)
    before, after = np.arange(0, 2500), np.arange(300, 3000)
    lists = follow(
        list_neighbours(pool[before], 30), np.arange(300, 2500), np.arange(0, 2200), pool[after], least=20
    )  # fmt: skip
    assert_equal_up_to(lists, list_neighbours(pool[after], 30), 20)


def test_only_lists_that_became_too_short_are_made_anew(monkeypatch):
    from util.rerank import _neighbour_lists

    asked = []
    found = _neighbour_lists.neighbours_of_rows
    monkeypatch.setattr(
        _neighbour_lists, "neighbours_of_rows", lambda v, rows, k: asked.append(rows.tolist()) or found(v, rows, k)
    )
    pool = random_vectors(np.random.default_rng(1), 400, 8)
    lists = list_neighbours(pool[:390], 12)
    follow(lists, np.arange(390), np.arange(390), pool, least=8)
    assert asked == [list(range(390, 400))]
    followed = follow(lists, np.arange(5, 390), np.arange(385), pool[5:390], least=8)
    assert asked[1] == []
    assert followed.lengths.min() >= 8 > 12 - 5
