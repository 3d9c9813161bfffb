import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.preprocess.lightness import normalise_lightness


def mean_lightness(image, weights=None) -> float:
    lightness = cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2LAB)[..., 0].astype(float)
    return float(np.average(lightness, weights=weights))


@given(seed=st.integers(0, 1000), target=st.integers(40, 120))
def test_the_mean_lightness_becomes_the_target(seed, target):
    image = np.random.default_rng(seed).integers(60, 150, (9, 7, 3), dtype=np.uint8)
    assert mean_lightness(normalise_lightness(image, target=target)) == pytest.approx(target, abs=2.5)


def test_dark_and_bright_photos_of_one_thing_come_together():
    image = np.random.default_rng(1).integers(40, 110, (20, 20, 3), dtype=np.uint8)
    dark, bright = (image * 0.6).astype(np.uint8), np.minimum(image * 1.4, 255).astype(np.uint8)
    before = np.abs(dark.astype(int) - bright).mean()
    after = np.abs(normalise_lightness(dark).astype(int) - normalise_lightness(bright)).mean()
    assert after < before / 4


def test_only_visible_pixels_count_and_alpha_stays():
    image = np.zeros((4, 4, 4), dtype=np.uint8)
    image[:2] = (90, 90, 90, 255)
    image[2:] = (250, 250, 250, 0)
    made = normalise_lightness(image, target=180)
    np.testing.assert_array_equal(made[..., 3], image[..., 3])
    assert mean_lightness(made[:2]) == pytest.approx(180, abs=1.5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 4), (1, 9, 3)])
def test_black_and_tiny_images_pass(shape):
    black = np.zeros(shape, dtype=np.uint8)
    np.testing.assert_array_equal(normalise_lightness(black), black)


def test_what_exceeds_white_is_white():
    image = np.full((2, 2, 3), 30, dtype=np.uint8)
    image[0, 0] = 200
    assert normalise_lightness(image, target=250)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("target", [0, -1, 256, float("nan")])
def test_targets_out_of_range(target):
    with pytest.raises(InvalidInputError, match="lightness"):
        normalise_lightness(np.zeros((1, 1, 3), np.uint8), target=target)
