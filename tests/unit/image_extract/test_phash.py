"""The perceptual hash against its definition, computed term by term."""

import math
from statistics import median

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.image_extract import load

SIDE = 32


def bits_by_definition(grey: np.ndarray) -> list[bool]:
    """The 8×8 lowest coefficients of the DCT-II, each summed from the formula, against their median."""
    wave = [[math.cos(math.pi * (2 * x + 1) * k / (2 * SIDE)) for x in range(SIDE)] for k in range(8)]
    low = [
        math.fsum(int(grey[y, x]) * wave[row][y] * wave[column][x] for y in range(SIDE) for x in range(SIDE))
        for row in range(8)
        for column in range(8)
    ]
    return [value > median(low) for value in low]


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_bits_are_those_of_the_definition(seed):
    image = noise(seed)
    [embedding] = load("phash").extract([image])
    assert (embedding > 0).tolist() == bits_by_definition(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    assert set(np.abs(embedding).tolist()) == {0.125}


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_cosine_is_one_minus_twice_the_share_of_differing_bits(seed, other):
    first, second = load("phash").extract([noise(seed), noise(other)])
    hamming = sum(a != b for a, b in zip((first > 0).tolist(), (second > 0).tolist(), strict=True))
    assert float(first @ second) == pytest.approx(1 - 2 * hamming / 64, abs=1e-6)


def test_brightness_and_contrast_change_no_bit():
    image = cv2.GaussianBlur(noise(7), (5, 5), 0)
    first, second = load("phash").extract([image, (image // 2 + 40).astype(np.uint8)])
    assert float(first @ second) >= 1 - 2 * 2 / 64  # rounding may turn a coefficient that lies at the median


def test_mirrored_pictures_are_other_pictures():
    image = cv2.GaussianBlur(noise(9), (9, 9), 0)
    first, second = load("phash").extract([image, np.ascontiguousarray(image[:, ::-1])])
    assert float(first @ second) < 0.5


def test_any_size_that_a_recipe_ends_in_will_do():
    image = np.repeat(np.repeat(noise(3), 4, axis=0), 4, axis=1)
    small, large = load("phash").extract([image]), load("phash", recipe="").extract([image])
    np.testing.assert_array_equal(small, large)
