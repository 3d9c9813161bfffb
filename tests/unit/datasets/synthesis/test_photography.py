"""Effects of light and camera, each against what its strength means."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from util.datasets.synthesis import photography as camera


@pytest.fixture
def scene():
    return np.random.default_rng(0).uniform(0.1, 0.6, (48, 64, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "same",
    [
        lambda light: camera.expose(light, 0),
        lambda light: camera.tint(light, 6500),
        lambda light: camera.tint(light, 2700, balance=1),
        lambda light: camera.shade_across(light, 30, 0),
        lambda light: camera.vignette(light, 0),
        lambda light: camera.cast_shadow(light, np.ones(light.shape[:2], np.float32), 0),
        lambda light: camera.blur_motion(light, 0.5, 10),
        lambda light: camera.defocus(light, 0.4),
        lambda light: camera.add_noise(light, np.random.default_rng(0), 0),
    ],
)
def test_no_strength_changes_nothing(scene, same):
    np.testing.assert_allclose(same(scene), scene, rtol=1e-6)


@pytest.mark.parametrize(
    "effect",
    [
        lambda light: camera.expose(light, -1.3),
        lambda light: camera.tint(light, 2700),
        lambda light: camera.shade_across(light, 30, 2),
        lambda light: camera.vignette(light, 1),
        lambda light: camera.cast_shadow(light, np.ones(light.shape[:2], np.float32), 0.5),
        lambda light: camera.blur_motion(light, 9, 30),
        lambda light: camera.defocus(light, 3),
        lambda light: camera.add_noise(light, np.random.default_rng(0), 0.1),
        camera.roll_off,
    ],
)
def test_effects_keep_shape_and_type_and_leave_their_argument_alone(scene, effect):
    before = scene.copy()
    after = effect(scene)
    assert (after.shape, after.dtype) == (scene.shape, np.float32)
    assert not np.allclose(after, scene) or effect is camera.roll_off
    np.testing.assert_array_equal(scene, before)


def test_lamps_are_red_and_shade_is_blue():
    lamp, daylight, shade = (camera.light_color(kelvin) for kelvin in (2700, 6500, 9000))
    np.testing.assert_allclose(daylight, 1, atol=1e-6)
    assert lamp[0] > 1.5 > 1 > 0.5 > lamp[2]
    assert shade[0] < 1 < shade[2]


def test_light_falls_off_by_the_stops_given():
    flat = np.ones((33, 65, 3), np.float32)
    across = camera.shade_across(flat, 0, 2.0)
    assert across[:, 0].mean() / across[:, -1].mean() == pytest.approx(4, rel=1e-3)
    upwards = camera.shade_across(flat, 90, 1.0)
    assert upwards[-1].mean() / upwards[0].mean() == pytest.approx(2, rel=1e-3)
    corners = camera.vignette(flat, 1.5)
    assert corners[16, 32, 0] / corners[0, 0, 0] == pytest.approx(2**1.5, rel=1e-3)


def test_a_shadow_takes_its_share_where_it_is():
    edge = np.zeros((4, 4), np.float32)
    edge[:, 2:] = 1
    shadowed = camera.cast_shadow(np.ones((4, 4, 3), np.float32), edge, 0.7)
    assert shadowed[0, 0, 0] == 1
    assert shadowed[0, 3, 0] == pytest.approx(0.3)


def test_blurs_spread_a_point_as_far_as_they_say_and_lose_no_light():
    point = np.zeros((41, 41, 3), np.float32)
    point[20, 20] = 1
    disc = camera.defocus(point, 5)[..., 0]
    y, x = np.mgrid[:41, :41] - 20
    assert disc.sum() == pytest.approx(1, rel=1e-4)
    assert (disc[np.hypot(x, y) > 6] < 1e-6).all()
    assert (disc[np.hypot(x, y) < 4] > 1e-3).all()
    streak = camera.blur_motion(point, 11, 0)[..., 0]
    assert streak.sum() == pytest.approx(1, rel=1e-4)
    assert np.flatnonzero(streak.max(1) > 1e-6).tolist() == [20]
    assert abs(np.count_nonzero(streak.max(0) > 1e-6) - 12) <= 1
    upright = camera.blur_motion(point, 11, 90)[..., 0]
    np.testing.assert_allclose(upright, streak.T, atol=1e-6)


def test_noise_grows_with_the_light_as_its_amount_says():
    rng = np.random.default_rng(3)
    spread = [
        float((camera.add_noise(np.full((256, 256, 3), level, np.float32), rng, 0.05) - level).std())
        for level in (0.0, 0.25, 1.0)
    ]
    assert spread[2] == pytest.approx(0.05, rel=0.15)
    assert spread[0] < 0.2 * spread[2]
    assert spread[1] == pytest.approx(spread[2] * np.sqrt(0.27 / 1.02), rel=0.05)


def test_highlights_bend_but_keep_their_order():
    light = np.linspace(0, 8, 400, dtype=np.float32).reshape(20, 20)[..., None]
    bent = camera.roll_off(light, 0.75)
    assert bent.max() < 1
    assert (np.diff(bent.ravel()) > 0).all()
    np.testing.assert_array_equal(bent[light <= 0.75], light[light <= 0.75])


def test_jpeg_quality_trades_size_for_likeness(scene):
    image = np.kron(scene, np.ones((4, 4, 1))).astype(np.float32)
    image = (image * 255).astype(np.uint8)
    fine, coarse = (camera.encode_jpeg(image, quality) for quality in (95, 30))
    assert len(fine) > len(coarse)
    errors = [np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - image).mean() for data in (fine, coarse)]
    assert errors[0] < errors[1]
