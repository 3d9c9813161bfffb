"""Splits: counts, what never straddles parts, and independence of order."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.datasets import hold_out_items, split_item_disjoint, split_stratified, with_content_hashes
from util.datasets.apportion import apportion
from util.errors import DatasetError, InvalidInputError
from util.records import ImageRecord

FRACTIONS = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(
    lambda shares: {f"part{place}": share / sum(shares) for place, share in enumerate(shares)}
)
SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=6)


def _set(sizes: list[int], *, groups: int = 0) -> list[ImageRecord]:
    """Items ``item0`` … with so many images each; with groups, image n of any item is of group n modulo groups."""
    return [
        ImageRecord(f"item{item}/{place}.jpg", "photo", f"item{item}", {"series": place % groups} if groups else {})
        for item, size in enumerate(sizes)
        for place in range(size)
    ]


def _ids(parts):
    return {part: [record.id for record in records] for part, records in parts.items()}


@given(total=st.integers(0, 500), fractions=FRACTIONS)
def test_apportioned_numbers_add_up_and_are_next_to_the_quota(total, fractions):
    counts = apportion(total, fractions)
    assert sum(counts.values()) == total
    assert sum(count > 0 for count in counts.values()) == min(total, len(fractions))
    if all(fraction * total >= 1 for fraction in fractions.values()):
        assert all(abs(counts[part] - fraction * total) < 1 for part, fraction in fractions.items())


@given(sizes=SIZES, fractions=FRACTIONS, seed=st.integers(0, 99))
def test_stratified_split_gives_each_item_its_exact_counts(sizes, fractions, seed):
    records = _set(sizes)
    parts = split_stratified(records, fractions, seed=seed)
    assert sorted(record.id for part in parts.values() for record in part) == sorted(record.id for record in records)
    for item, size in enumerate(sizes):
        counts = {part: sum(record.item == f"item{item}" for record in members) for part, members in parts.items()}
        assert counts == apportion(size, fractions)


@given(sizes=SIZES, fractions=FRACTIONS, seed=st.integers(0, 99))
def test_item_disjoint_split_keeps_items_whole_and_counts_them(sizes, fractions, seed):
    parts = split_item_disjoint(_set(sizes), fractions, seed=seed)
    items = {part: {record.item for record in members} for part, members in parts.items()}
    assert sum(len(part) for part in items.values()) == len(set().union(*items.values())) == len(sizes)
    assert {part: len(members) for part, members in items.items()} == apportion(len(sizes), fractions)
    assert sum(len(members) for members in parts.values()) == sum(sizes)


@given(sizes=SIZES, seed=st.integers(0, 99), order=st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_the_order_of_the_records(sizes, seed, order):
    records = _set(sizes, groups=5)
    shuffled = order.sample(records, len(records))
    for group_by in (None, "series"):
        for split in (split_stratified, split_item_disjoint):
            assert _ids(split(records, seed=seed, group_by=group_by)) == _ids(
                split(shuffled, seed=seed, group_by=group_by)
            )
    if len(sizes) > 1:
        assert hold_out_items(records, 0.3, seed=seed) == hold_out_items(shuffled, 0.3, seed=seed)


@given(sizes=SIZES, groups=st.integers(1, 6), seed=st.integers(0, 99))
def test_groups_never_straddle_parts(sizes, groups, seed):
    records = _set(sizes, groups=groups)
    for split in (split_stratified, split_item_disjoint):
        parts_of = defaultdict(set)
        for part, members in split(records, seed=seed, group_by="series").items():
            for record in members:
                parts_of[record.metadata["series"]].add(part)
        assert all(len(parts) == 1 for parts in parts_of.values())


def test_a_stratified_split_of_groups_comes_as_close_as_groups_allow():
    records = [ImageRecord(f"{series}-{n}", "photo", "a", {"series": series}) for series in range(10) for n in range(3)]
    parts = split_stratified(records, {"train": 0.8, "test": 0.2}, group_by="series")
    assert {part: len(members) for part, members in parts.items()} == {"train": 24, "test": 6}


def test_other_seeds_give_other_splits_and_all_images_get_their_turn():
    records = _set([10])
    tested = Counter(id_ for seed in range(200) for id_ in _ids(split_stratified(records, seed=seed))["test"])
    assert len(tested) == 10
    assert max(tested.values()) < 2 * min(tested.values())  # 40 expected of each; a fair draw stays well inside


def test_more_images_of_one_item_do_not_move_those_of_another():
    before, after = (_ids(split_stratified(_set([9, size]))) for size in (5, 11))
    for part in before:
        assert [id_ for id_ in before[part] if id_.startswith("item0")] == [
            id_ for id_ in after[part] if id_.startswith("item0")
        ]


def test_small_items():
    records = [*_set([1, 2]), ImageRecord("x", "photo", None), ImageRecord("y", "photo", None)]
    parts = split_stratified(records, {"test": 0.2, "train": 0.8})
    assert [record.item for record in parts["train"]] == ["item0", "item1", None]
    assert [record.item for record in parts["test"]] == ["item1", None]


@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=12), fraction=st.floats(0.01, 0.99))
@settings(max_examples=60)
def test_held_out_items_are_whole_and_as_many_as_asked(sizes, fraction):
    known, unknown = hold_out_items(_set(sizes), fraction)
    known_items, unknown_items = {record.item for record in known}, {record.item for record in unknown}
    assert not known_items & unknown_items
    assert len(known) + len(unknown) == sum(sizes)
    assert 1 <= len(unknown_items) < len(sizes)
    assert abs(len(unknown_items) - fraction * len(sizes)) <= 1


def test_copies_get_equal_hashes_and_stay_together(tmp_path):
    rng = random.Random(0)
    records = []
    for item in range(4):
        for place in range(6):
            path = tmp_path / f"{item}-{place}.jpg"
            path.write_bytes(b"photo %d" % rng.randrange(12))
            records.append(ImageRecord(path.name, str(path), str(item)))
    records.append(ImageRecord("gone.jpg", str(tmp_path / "gone.jpg"), "0"))
    hashed = with_content_hashes(records)
    assert "sha256" not in hashed[-1].metadata
    assert len({record.metadata.get("sha256") for record in hashed}) == 1 + len(
        {(tmp_path / record.id).read_bytes() for record in records[:-1]}
    )
    for split in (split_stratified, split_item_disjoint):
        parts = split(hashed, {"train": 0.5, "test": 0.5}, group_by="sha256")
        hashes = [{record.metadata.get("sha256") for record in members} - {None} for members in parts.values()]
        assert not hashes[0] & hashes[1]


NAMELESS = [ImageRecord("a", "photo", "x"), ImageRecord("b", "photo", None)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: split_stratified(_set([3]), {}), InvalidInputError, "fraction above 0"),
        (lambda: split_stratified(_set([3]), {"a": 1.0, "b": 0.0}), InvalidInputError, "fraction above 0"),
        (lambda: split_item_disjoint(_set([3]), {"a": 0.5, "b": 0.4}), InvalidInputError, "add up to 1"),
        (lambda: split_stratified(_set([2]) + _set([1])), DatasetError, "'item0/0.jpg' stands twice"),
        (lambda: split_item_disjoint(NAMELESS), DatasetError, "1 images have no item, such as 'b'"),
        (lambda: hold_out_items(NAMELESS, 0.5), DatasetError, "1 images have no item"),
        (lambda: hold_out_items(_set([3]), 0.5), DatasetError, "at least two items, these 3 images have 1"),
        (lambda: hold_out_items(_set([3, 3]), 1.0), InvalidInputError, "between 0 and 1, not 1.0"),
    ],
)
def test_what_cannot_be_split_says_why(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_empty_data_set_splits_into_empty_parts():
    assert split_stratified([]) == split_item_disjoint([]) == {"train": [], "test": []}
