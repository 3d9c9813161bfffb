"""Families: their items are all different, in one small thing, and do not depend on how many there are."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from util.datasets.synthesis.design import Design
from util.datasets.synthesis.families import make_family
from util.datasets.synthesis.photos import renderer_of
from util.datasets.synthesis.surface import Pose
from util.errors import InvalidInputError


def _departures(design: Design, base: Design) -> list[str]:
    """Paths of all fields in which two designs differ."""
    paths = []
    for field in fields(design):
        ours, theirs = getattr(design, field.name), getattr(base, field.name)
        if ours == theirs:
            continue
        if field.name in ("wording", "palette"):
            inner = [part.name for part in fields(ours) if getattr(ours, part.name) != getattr(theirs, part.name)]
            paths += [f"{field.name}.{name}" for name in inner]
        else:
            paths.append(field.name)
    return paths


@pytest.mark.parametrize("index", range(9))
def test_items_depart_in_what_their_ground_truth_says(index):
    items = make_family(index, 40, seed=3)
    base = items[0]
    assert not base.differences
    for item in items[1:]:
        assert sorted(_departures(item.design, base.design)) == sorted(part.field for part in item.differences)
        assert item.detail == {part.part for part in item.differences}
        assert (item.family, item.design.kind) == (base.family, base.design.kind)
    assert len({item.name for item in items}) == len(items)
    assert len(set(map(repr, (item.design for item in items)))) == len(items)


def test_single_differences_come_first_and_their_kinds_take_turns():
    items = make_family(1, 60, seed=0)
    kinds = [[difference.kind for difference in item.differences] for item in items]
    assert {len(kind) for kind in kinds} == {0, 1, 2}
    assert [len(kind) for kind in kinds] == sorted(len(kind) for kind in kinds)
    assert {kind[0] for kind in kinds[1:5]} == {"text", "mark", "shade", "damage"}
    assert all(len(set(kind)) == len(kind) for kind in kinds)


def test_more_items_change_none_of_those_before():
    assert make_family(2, 30, seed=5)[:7] == make_family(2, 7, seed=5)


def test_families_take_turns_and_seeds_matter():
    firsts = [make_family(index, 1, seed=0)[0] for index in range(6)]
    assert [item.family for item in firsts] == [
        "bottle-01",
        "carton-01",
        "box-01",
        "bottle-02",
        "carton-02",
        "box-02",
    ]
    assert len({(item.design.wording.brand, item.design.wording.product) for item in firsts}) == 6
    assert make_family(0, 1, seed=0) != make_family(0, 1, seed=1)


def test_a_family_has_an_end():
    with pytest.raises(InvalidInputError, match="a family has at most [0-9]+ items, not 5000: ask for more families"):
        make_family(0, 5000, seed=0)


def _layouts() -> dict[tuple[str, str], int]:
    """An index of a family of each kind and layout."""
    return {(item.design.kind, item.design.layout): index for index in range(60) for item in make_family(index, 1, 1)}


def test_all_layouts_come_up_on_all_bodies():
    assert len(_layouts()) == 12


@pytest.mark.parametrize("index", _layouts().values(), ids=map("-".join, _layouts()))
def test_every_single_difference_is_visible_where_the_ground_truth_says_and_nowhere_else(index):
    """The front views of two items differ inside the union of their detail, clearly, and nowhere outside."""
    base, *others = [item for item in make_family(index, 30, seed=1) if len(item.differences) < 2]
    plain = renderer_of(base, 128)(Pose(0, 6), 256)
    for item in others:
        surface = renderer_of(item, 128)(Pose(0, 6), 256)
        change = np.abs(surface.color - plain.color).max(-1) + np.abs(surface.normal - plain.normal).max(-1)
        changed = (change > 0.02) & (surface.cover > 0)
        assert changed.sum() > 80, item.differences
        if item.differences[0].part in ("variant", "claim", "damage"):
            assert changed[surface.detail > 0].sum() >= 0.97 * changed.sum(), item.differences
