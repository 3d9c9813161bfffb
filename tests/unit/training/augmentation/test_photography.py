import colorsys
import random

import numpy as np
import pytest

from util.training.augmentation import AugmentationConfig
from util.training.augmentation.photography import DaylightShift, photograph

HUES, SATURATIONS, VALUES = range(0, 360, 30), (0.4, 0.7, 1.0), (0.3, 0.6, 0.9)
PALETTE = np.array(
    [[[round(255 * c) for c in colorsys.hsv_to_rgb(h / 360, s, v)] for h in HUES] for s in SATURATIONS for v in VALUES],
    dtype=np.uint8,
)


def run(config, image, seed, *, side=128):
    steps = photograph(config, shorter_side=side)
    steps.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return steps(image=image)["image"]


def hues(image):
    return np.array([[360 * colorsys.rgb_to_hsv(*pixel)[0] for pixel in row] for row in image / 255])


@pytest.mark.parametrize(("level", "mean", "most"), [("light", 3, 8), ("standard", 5, 15), ("strong", 8, 24)])
def test_changes_of_light_hardly_turn_hues(level, mean, most):
    """In degrees: the mean over colours all around the wheel, and the bound that 95% of them keep."""
    config = AugmentationConfig.at_level(level, light_chance=1, defect_chance=0)
    turns = []
    for seed in range(80):
        changed = run(config, PALETTE, seed)
        seen = changed.max(axis=2) > 25  # darker than that, a hue is a matter of rounding
        turns.append(np.abs((hues(changed) - hues(PALETTE) + 180) % 360 - 180)[seen])
    turned = np.concatenate(turns)
    assert 0.5 < turned.mean() < mean
    assert np.quantile(turned, 0.95) < most


def test_greys_keep_their_colour_but_for_the_light():
    greys = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    config = AugmentationConfig.at_level("strong", light_chance=1, defect_chance=0, colour_temperature=0)
    for seed in range(20):
        assert np.ptp(run(config, greys, seed).astype(int), axis=2).max() <= 1


def test_daylight_is_warm_at_low_and_cold_at_high_temperatures():
    white = np.full((2, 2, 3), 200, np.uint8)
    step = DaylightShift(20)
    red, green, blue = step.apply(white, kelvin=6500)[0, 0].astype(int)
    assert max(abs(red - green), abs(blue - green)) <= 1
    red, green, blue = step.apply(white, kelvin=5000)[0, 0].astype(int)
    assert red > green > blue
    red, green, blue = step.apply(white, kelvin=9000)[0, 0].astype(int)
    assert red < green < blue


def test_daylight_is_drawn_evenly_in_mired():
    step = DaylightShift(20)
    step.set_random_seed(0)
    shifts = [1e6 / step.get_params()["kelvin"] - 1e6 / 6500 for _ in range(2000)]
    assert min(shifts) > -20 and max(shifts) < 20
    assert np.quantile(shifts, [0.25, 0.5, 0.75]) == pytest.approx([-10, 0, 10], abs=1.5)


STEPS = [
    ("occlusion", 0.1),
    ("shadow", 0.5),
    ("uneven_light", 0.2),
    ("colour_temperature", 40),
    ("gamma", 0.5),
    ("brightness", 0.3),
    ("saturation", 0.5),
    ("hue", 20),
    ("blur", 0.05),
    ("noise", 0.05),
    ("jpeg_quality", 10),
]


@pytest.mark.parametrize(("step", "strength"), STEPS)
def test_each_step_changes_the_picture_and_is_off_without_strength(step, strength):
    image = np.kron(PALETTE, np.ones((8, 8, 1), np.uint8))
    chances = {"light_chance": 1, "defect_chance": 1}
    config = AugmentationConfig.at_level("none", **chances, **{step: strength})
    off = AugmentationConfig.at_level("none", **chances)
    changed = [run(config, image, seed) for seed in range(8)]
    assert {(view.shape, view.dtype) for view in changed} == {(image.shape, image.dtype)}
    assert len({view.tobytes() for view in changed}) >= 4
    assert not any((view == image).all() for view in changed)
    assert (run(off, image, 0) == image).all()


@pytest.mark.parametrize("side", [16, 128])
def test_occlusion_hides_at_most_the_stated_share(side):
    image = np.zeros((side, side, 3), np.uint8)
    config = AugmentationConfig.at_level("none", defect_chance=1, occlusion=0.2)
    hidden = [(run(config, image, seed) > 0).any(axis=2).mean() for seed in range(200)]
    assert 0.05 < max(hidden) <= 0.2


@pytest.mark.parametrize(("blur", "side", "widest"), [(0.02, 64, 3), (0.04, 128, 5), (0.04, 256, 11)])
def test_blur_reaches_no_further_than_its_kernel(blur, side, widest):
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    config = AugmentationConfig.at_level("none", defect_chance=1, blur=blur)
    for seed in range(40):
        lit = np.argwhere(run(config, point, seed, side=side)[..., 0] > 2)
        assert np.ptp(lit, axis=0).max() < widest + 2  # a Gaussian has thin tails beyond
        assert lit.size == 0 or np.abs(lit - 32).max() < widest


def test_noise_has_at_most_the_stated_deviation():
    grey = np.full((64, 64, 3), 128, np.uint8)
    config = AugmentationConfig.at_level("none", defect_chance=1, noise=0.05)
    spreads = [run(config, grey, seed).std() / 255 for seed in range(40)]
    assert 0.04 < max(spreads) < 0.052 and min(spreads) < 0.025


def test_steps_of_one_chance_happen_independently():
    """Occlusion paints, noise roughens: each comes about as often with the other as without."""
    black = np.zeros((32, 32, 3), np.uint8)
    config = AugmentationConfig.at_level("none", defect_chance=0.5, occlusion=0.3, shadow=0.5, noise=0.05)
    views = [run(config, black, seed) for seed in range(200)]
    occluded = np.array([view.max() > 60 for view in views])
    faint = [view[(view > 0) & (view < 60)] for view in views]
    noisy = np.array([levels.size > 200 for levels in faint])
    assert 0.3 < noisy[occluded].mean() < 0.7
    assert 0.3 < noisy[~occluded].mean() < 0.7
