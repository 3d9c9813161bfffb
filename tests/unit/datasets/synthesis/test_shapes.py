"""Bodies as the camera sees them, against geometry a person can work out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from util.datasets.synthesis.design import Design
from util.datasets.synthesis.families import make_family
from util.datasets.synthesis.packs import make_faces, render_pack
from util.datasets.synthesis.photos import renderer_of
from util.datasets.synthesis.shading import Lamp, light_surface
from util.datasets.synthesis.shapes import PROFILES, paint_skin, render_bottle
from util.datasets.synthesis.surface import Pose, unit


def _bottle(profile: str, width: float):
    item = make_family(0, 1, seed=0)[0]
    return replace(item, design=replace(item.design, form=replace(item.design.form, profile=profile, width=width)))


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("elevation", [0, 10, 30])
def test_bottles_have_the_outline_of_their_profile(profile, elevation):
    item = _bottle(profile, 0.5)
    surface = render_bottle(item, paint_skin(item, 200), Pose(0, elevation), 400)
    rows, columns = np.flatnonzero(surface.cover.any(1)), np.flatnonzero(surface.cover.any(0))
    assert abs(len(rows) - 400) <= 4
    np.testing.assert_array_equal(surface.cover, surface.cover[:, ::-1])
    # Height is size·cos + half the depth of base and top ellipse; the width does not change with the elevation.
    tilt = np.radians(elevation)
    ends = PROFILES[profile].body[0][1] + PROFILES[profile].cap[-1][1]
    size = 400 / (np.cos(tilt) + 0.25 * ends * np.sin(tilt))
    assert abs(len(columns) - 0.5 * size) <= 4
    assert surface.foot[0] == pytest.approx(surface.cover.shape[1] / 2)


def test_bottles_seen_from_the_side_follow_the_profile_row_by_row():
    item = _bottle("can", 0.6)
    surface = render_bottle(item, paint_skin(item, 200), Pose(0, 0), 500)
    heights, radii = np.array(PROFILES["can"].body).T
    for height in (0.1, 0.3, 0.5, 0.8):
        row = round(surface.foot[1] - height * 500)
        assert surface.cover[row].sum() == pytest.approx(np.interp(height, heights, radii) * 0.6 * 500, abs=4)


def test_the_lid_is_seen_from_above_only():
    item = _bottle("jar", 0.7)
    skin = paint_skin(item, 200)
    flat, raised = (render_bottle(item, skin, Pose(0, elevation), 300) for elevation in (0, 25))
    up = np.array([0, np.cos(np.radians(25)), np.sin(np.radians(25))])
    lid = (raised.normal @ up > 0.9999) & (raised.cover > 0)
    # An ellipse of half axes r and r·sin(elevation); the profile's top radius is 0.88 of the largest.
    size = 300 / (np.cos(np.radians(25)) + 0.35 * (0.9 + 0.88) * np.sin(np.radians(25)))
    radius = 0.88 * 0.35 * size
    assert lid.sum() == pytest.approx(np.pi * radius**2 * np.sin(np.radians(25)), rel=0.05)
    assert not (flat.normal[flat.cover > 0][:, 1] > 0.999).any()


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("pose", [Pose(0, 0), Pose(-35, 20), Pose(40, 8)])
def test_surfaces_are_whole(index, pose):
    item = make_family(index, 5, seed=2)[4]
    surface = renderer_of(item, 128)(pose, 200)
    inside = surface.cover > 0
    assert set(np.unique(surface.cover)) <= {0, 1}
    np.testing.assert_allclose(np.linalg.norm(surface.normal[inside], axis=-1), 1, atol=1e-3)
    assert (surface.color >= 0).all()
    assert (surface.color <= 1.001).all()
    assert surface.detail[inside].max() > 0.9
    lit = light_surface(surface, Lamp())
    assert np.isfinite(lit).all()
    assert (lit[~inside] == 0).all()


@pytest.mark.parametrize("index", [1, 2])
def test_packs_show_the_side_they_are_turned_to(index):
    """Turned to the right, a pack shows its left side: left of the front, facing left."""
    item = make_family(index, 1, seed=0)[0]
    faces = make_faces(item, 128)
    for yaw, side in ((30, -1), (-30, 1)):
        surface = render_pack(item, faces, Pose(yaw, 5), 256)
        sideways = (surface.normal[..., 0] * side > 0.7) & (surface.cover > 0)
        assert sideways.sum() > 200
        assert (np.nonzero(sideways)[1].mean() - surface.cover.shape[1] / 2) * side > 0


def test_packs_are_as_high_as_asked_and_as_wide_as_designed():
    item = make_family(2, 1, seed=0)[0]
    surface = render_pack(item, make_faces(item, 200), Pose(0, 0), 400)
    rows, columns = surface.cover.any(1).sum(), surface.cover.any(0).sum()
    assert abs(rows - 400) <= 3
    assert columns / rows == pytest.approx(item.design.form.width, rel=0.02)


def test_light_comes_from_where_the_lamp_is():
    item = make_family(0, 1, seed=0)[0]
    white: Design = replace(item.design, palette=replace(item.design.palette, paper=(230, 230, 230)))
    surface = renderer_of(replace(item, design=white), 128)(Pose(0, 0), 256)
    half = surface.cover.shape[1] // 2
    for azimuth, brighter in ((-60, 0), (60, 1)):
        lit = light_surface(surface, Lamp(azimuth=azimuth, elevation=30, softness=0.3))[..., :3].sum(-1)
        sides = lit[:, :half].sum(), lit[:, half:].sum()
        assert sides[brighter] > 1.15 * sides[1 - brighter]


def test_unit_vectors():
    np.testing.assert_allclose(unit(np.array([[3.0, 0, 4.0]], np.float32)), [[0.6, 0, 0.8]], atol=1e-6)
