import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.records import SpaceInfo, unit_rows
from util.search.duplicates import find_duplicates
from util.vector_store import open_store


def fill(store, vectors, name="s"):
    store.create_space(SpaceInfo(name, "e", vectors.shape[1], "f"))
    ids = [f"{i:04d}" for i in range(len(vectors))]
    store.upsert(name, ids, vectors, [{"path": f"/p/{id_}"} for id_ in ids], fingerprint="f")


def naive_groups(vectors, threshold):
    groups = [{i} for i in range(len(vectors))]
    for i in range(len(vectors)):
        for j in range(i):
            if float(vectors[i] @ vectors[j]) >= threshold - 1e-6:
                joined = next(g for g in groups if i in g) | next(g for g in groups if j in g)
                groups = [g for g in groups if not g & joined] + [joined]
    return sorted(sorted(f"{i:04d}" for i in group) for group in groups if len(group) > 1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), threshold=st.sampled_from([0.5, 0.9, 0.99]))
def test_groups_are_the_connected_components(tmp_path_factory, seed, n, threshold):
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.normal(size=(n, 3)).astype(np.float32))
    with open_store(f"embedded:{tmp_path_factory.mktemp('s') / 's.db'}") as store:
        fill(store, vectors)
        groups = find_duplicates(store=store, space="s", threshold=threshold)
    assert sorted(sorted(one.id for one in group) for group in groups) == naive_groups(vectors, threshold)


def test_more_copies_than_are_asked_for_first_are_all_found(store):
    fill(store, unit_rows(np.tile([[1.0, 2.0, 2.0]], (70, 1))))
    (group,) = find_duplicates(store=store, space="s", threshold=1.0)
    assert len(group) == 70
    assert all(one.score == pytest.approx(1) for one in group)
    assert group[0].path == "/p/0000"


def test_only_among_the_ids_named(store):
    fill(store, unit_rows(np.tile([[1.0, 0.0]], (4, 1))))
    (group,) = find_duplicates(store=store, space="s", threshold=0.9, ids={"0001", "0003"})
    assert [one.id for one in group] == ["0001", "0003"]


def test_nothing_alike_gives_no_group(store):
    fill(store, np.eye(3, dtype=np.float32))
    assert find_duplicates(store=store, space="s", threshold=0.5) == []


@pytest.mark.parametrize("threshold", [-1.0, 1.01, float("nan")])
def test_thresholds_out_of_range(store, threshold):
    with pytest.raises(InvalidInputError, match="threshold"):
        find_duplicates(store=store, space="s", threshold=threshold)
