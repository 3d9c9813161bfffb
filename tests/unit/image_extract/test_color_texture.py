"""The blocks of the descriptor against loops over single pixels, and what the descriptor is blind to."""

import math

import cv2
import numpy as np
import pytest

from util.image_extract import color_texture as module
from util.image_extract import load

SIDE = module.SIDE


def picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def grey_of(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def offsets(y: int, x: int) -> tuple[float, float]:
    return (y + 0.5) / SIDE - 0.5, (x + 0.5) / SIDE - 0.5


def test_colours_are_shared_between_the_eight_bins_they_lie_between():
    image = picture(1)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(float)
    expected = np.zeros((6, 12, 12))
    for y in range(SIDE):
        for x in range(SIDE):
            weight = math.exp(-math.hypot(*offsets(y, x)) / 0.1)
            lightness, *opponents = lab[y, x]
            stretched = [(value - 128) * 2.2 + 128 for value in opponents]
            at = [value * bins / 256 - 0.5 for value, bins in zip([lightness, *stretched], (6, 12, 12), strict=True)]
            for steps in np.ndindex(2, 2, 2):
                bins = [math.floor(place) + step for place, step in zip(at, steps, strict=True)]
                share = math.prod(1 - abs(place - one) for place, one in zip(at, bins, strict=True))
                expected[tuple(np.clip(bins, 0, (5, 11, 11)))] += weight * share
    np.testing.assert_allclose(module.colour_histogram(image), expected.ravel(), atol=1e-9)
    assert expected.sum() == pytest.approx(float(module.COLOUR_WINDOW.sum()))


@pytest.mark.parametrize("radius", [1, 2])
def test_patterns_say_which_neighbours_are_lighter(radius):
    grey = grey_of(picture(2))
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 * radius).astype(int)
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    expected = np.zeros(256)
    for y in range(SIDE):
        for x in range(SIDE):
            pattern = 0
            for bit, (down, right) in enumerate(around):
                row, column = (min(max(at + step * radius, 0), SIDE - 1) for at, step in ((y, down), (x, right)))
                pattern += (smooth[row, column] > smooth[y, x] + 3) << bit
            expected[pattern] += math.exp(-((math.hypot(*offsets(y, x)) / 0.2) ** 2) / 2)
    np.testing.assert_allclose(module.pattern_histogram(grey, radius), expected, atol=1e-9)


def test_gradients_vote_for_the_two_orientations_they_lie_between():
    grey = grey_of(picture(3))
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0).astype(float)
    mirrored = np.pad(smooth, 1, mode="reflect")
    expected = np.zeros((6, 6, 8))
    for y in range(SIDE):
        for x in range(SIDE):
            right = mirrored[y + 1, x + 2] - mirrored[y + 1, x]
            down = mirrored[y + 2, x + 1] - mirrored[y, x + 1]
            turn = math.atan2(down, right) % math.tau / math.tau * 8
            vote = math.hypot(right, down) * math.exp(-((math.hypot(*offsets(y, x)) / 0.25) ** 2) / 2)
            cell = expected[y * 6 // SIDE, x * 6 // SIDE]
            cell[int(turn) % 8] += vote * (1 - turn % 1)
            cell[(int(turn) + 1) % 8] += vote * (turn % 1)
    found = module.edge_histogram(grey)
    # cv2 rounds angles to 0.3 degrees at worst
    np.testing.assert_allclose(found, expected.ravel(), atol=0.01 * expected.max())
    assert found.sum() == pytest.approx(expected.sum(), rel=1e-4)


def test_light_is_balanced_half_way():
    image = np.full((SIDE, SIDE, 3), (160, 80, 40), np.uint8)
    mean = (160 + 80 + 40) / 3
    expected = [int(value * math.sqrt(mean / value)) for value in (160, 80, 40)]
    assert module.balance_light(image)[0, 0].tolist() == pytest.approx(expected, abs=1)


def test_the_share_of_a_block_is_its_weight_in_the_cosine():
    [embedding] = load("color_texture").extract([picture(4)])
    shares = [float(block @ block) for block in np.split(embedding, [864, 1120, 1376])]
    assert shares == pytest.approx([1 / 1.9, 0.35 / 1.9, 0.35 / 1.9, 0.2 / 1.9], rel=1e-4)


def test_a_small_mark_of_another_colour_is_noticed_most_in_the_middle():
    plain = np.full((SIDE, SIDE, 3), 220, np.uint8)
    marked = {}
    for place, (top, left) in {"middle": (60, 60), "corner": (2, 2)}.items():
        marked[place] = plain.copy()
        marked[place][top : top + 8, left : left + 8] = (200, 30, 30)
    original, middle, corner = load("color_texture").extract([plain, marked["middle"], marked["corner"]])
    assert original @ middle < original @ corner < 0.999


@pytest.mark.parametrize("seed", range(6))
def test_the_same_thing_in_warmer_light_is_more_similar_than_another_thing(seed):
    image = picture(seed) // 2 + 40
    warmer = np.clip(image * np.array([1.1, 1.0, 0.85]), 0, 255).astype(np.uint8)
    first, second, other = load("color_texture").extract([image, warmer, picture(seed + 100) // 2 + 40])
    assert first @ second > first @ other


def test_balancing_brings_two_lights_nearer_together():
    image = picture(5) // 2 + 40
    warmer = np.clip(image * np.array([1.1, 1.0, 0.85]), 0, 255).astype(np.uint8)
    before = np.abs(image.mean((0, 1)) - warmer.mean((0, 1))).sum()
    after = np.abs(module.balance_light(image).mean((0, 1)) - module.balance_light(warmer).mean((0, 1))).sum()
    assert after < 0.6 * before


def test_colours_are_read_as_red_green_blue():
    """A red image fills bins on the red side of the red-green axis, not on the blue side of the other."""
    red = np.full((SIDE, SIDE, 3), (220, 20, 20), np.uint8)
    _, red_green, blue_yellow = np.unravel_index(int(module.colour_histogram(red).argmax()), (6, 12, 12))
    assert (red_green, blue_yellow) == (11, 11)  # both axes saturated: red is +a and +b


@pytest.mark.parametrize("size", [(1, 1), (128, 128), (500, 90)])
def test_any_size_that_a_recipe_ends_in_will_do(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    embedding = load("color_texture", recipe="").extract([image])
    assert float(np.linalg.norm(embedding)) == pytest.approx(1, abs=1e-5)
