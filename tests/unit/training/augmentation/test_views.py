import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.preprocess.framing import resize_area
from util.training.augmentation import AugmentationConfig
from util.training.augmentation.views import draw_corners, take_view

SIDE = 96
CORNERS = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)], dtype=float)
seeds = st.integers(0, 2**32)


def coordinates(height, width):
    """An image whose pixels say where they are: red their column, green their row."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)


def smooth_picture():
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = [np.sin(7 * rows + columns), np.cos(5 * columns), rows * columns]
    return np.dstack([np.clip(127 + 110 * wave, 0, 255) for wave in waves]).astype(np.uint8)


def view_of(image, config, seed, *, height, width):
    corners = draw_corners(*image.shape[:2], config=config, random=np.random.default_rng(seed))
    return take_view(image, corners, height=height, width=width)


@given(
    seed=seeds,
    least=st.floats(0.1, 1),
    stretch=st.floats(0, 1),
    rotation=st.floats(0, 45),
    perspective=st.floats(0, 0.5),
    sides=st.tuples(st.integers(30, 90), st.integers(30, 90)),
    turns=st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_every_view_shows_at_least_the_stated_area(seed, least, stretch, rotation, perspective, sides, turns):
    config = AugmentationConfig(
        min_crop_area=least, stretch=stretch, rotation=rotation, perspective=perspective, quarter_turns=turns
    )
    # Views far larger than the source, so that each pixel of the source that is shown is met at least once.
    view = view_of(coordinates(*sides), config, seed, height=500, width=500)
    seen = len(np.unique(view[..., :2].reshape(-1, 2).astype(int) @ [1, 256]))
    border = 2 * sum(sides)  # pixels that are cut by the edge of the view may round to their neighbours
    assert seen >= least * sides[0] * sides[1] - border


def share_inside(corners, height, width):
    """Of the pixels of a source, those whose centres lie to the right of all four edges, walked around clockwise."""
    points = np.argwhere(np.ones((height, width)))[:, ::-1] + 0.5
    along = np.roll(corners, -1, axis=0) - corners
    away = points[:, None] - corners
    return (along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0] >= 0).all(axis=1).mean()


@pytest.mark.parametrize("sides", [(100, 100), (60, 150)])
@pytest.mark.parametrize("least", [0.4, 0.9, 1.0])
def test_turned_views_keep_the_stated_area_too_and_use_it_up(sides, least):
    config = AugmentationConfig(min_crop_area=least, rotation=45, perspective=0)
    random = np.random.default_rng(0)
    shares = [share_inside(draw_corners(*sides, config=config, random=random), *sides) for _ in range(150)]
    assert least - 0.01 < min(shares) < least + 0.1


def test_crops_come_in_all_sizes_down_to_the_least_and_everywhere():
    config = AugmentationConfig.at_level("none", min_crop_area=0.5)
    random = np.random.default_rng(0)
    drawn = np.array([draw_corners(100, 100, config=config, random=random) for _ in range(500)])
    areas = np.prod(drawn[:, 2] - drawn[:, 0], axis=1) / 10000
    assert areas.min() == pytest.approx(0.5, abs=0.02) and areas.max() == pytest.approx(1, abs=0.02)
    assert drawn.min() >= -1e-6 and drawn.max() <= 100 + 1e-6
    assert np.ptp(drawn[:, 0], axis=0) == pytest.approx([29, 29], abs=3)  # room that a crop of half the area has


def four_colours():
    """Red, green, blue and white quarters from the upper left clockwise: no two of its mirror images are equal."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    half = SIDE // 2
    image[:half, :half], image[:half, half:] = (255, 0, 0), (0, 255, 0)
    image[half:, half:], image[half:, :half] = (0, 0, 255), (255, 255, 255)
    return image


def handedness(view):
    """Twice the signed area of the triangle from red over green to blue; positive is as in the source."""
    levels = view.astype(int)
    centres = []
    for channel in range(3):
        own = levels[..., channel] > 128
        others = levels[..., [c for c in range(3) if c != channel]].max(axis=2) < 128
        centres.append(np.argwhere(own & others).mean(axis=0)[::-1])
    (ax, ay), (bx, by) = centres[1] - centres[0], centres[2] - centres[0]
    return ax * by - ay * bx


@given(seed=seeds, level=st.sampled_from(["light", "standard", "strong"]), turns=st.booleans())
@settings(deadline=None, max_examples=80)
def test_nothing_is_mirrored_with_flips_off(seed, level, turns):
    config = AugmentationConfig.at_level(level, quarter_turns=turns)
    assert handedness(view_of(four_colours(), config, seed, height=64, width=80)) > 0


@pytest.mark.parametrize("flip", ["flip", "vertical_flip"])
def test_flips_mirror_about_half_of_the_views(flip):
    config = AugmentationConfig.at_level("standard", **{flip: True})
    views = [view_of(four_colours(), config, seed, height=64, width=64) for seed in range(60)]
    assert 15 <= sum(handedness(view) < 0 for view in views) <= 45


def quarters_seen(config, image, size):
    views = [view_of(image, config, seed, height=size[0], width=size[1]) for seed in range(40)]
    return {
        next((n for n in range(4) if np.rot90(image, n).shape == view.shape and (view == np.rot90(image, n)).all()), -1)
        for view in views
    }


def test_quarter_turns_are_exact():
    config = AugmentationConfig.at_level("none", quarter_turns=True)
    assert quarters_seen(config, four_colours(), (SIDE, SIDE)) == {0, 1, 2, 3}
    assert quarters_seen(config, four_colours()[:, : SIDE // 2], (SIDE, SIDE // 2)) == {0, 2}


@pytest.mark.parametrize(("name", "mirrored"), [("flip", np.fliplr), ("vertical_flip", np.flipud)])
def test_flips_are_exact(name, mirrored):
    config = AugmentationConfig.at_level("none", **{name: True})
    image = four_colours()
    views = [view_of(image, config, seed, height=SIDE, width=SIDE) for seed in range(20)]
    expected = (image.tobytes(), mirrored(image).tobytes())
    assert {view.tobytes() for view in views} == set(expected)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (48, 48), (32, 64), (61, 37), (1, 1)])
def test_the_whole_image_as_a_view_is_the_image_resized(height, width):
    view = take_view(smooth_picture(), CORNERS, height=height, width=width)
    expected = resize_area(smooth_picture(), height=height, width=width)
    assert np.abs(view.astype(int) - expected).max() <= 3


def test_a_part_is_that_part():
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    part = np.array([(10, 20), (42, 20), (42, 36), (10, 36)], dtype=float)
    assert (take_view(image, part, height=16, width=32) == image[20:36, 10:42]).all()


def test_fine_print_does_not_alias():
    stripes = np.repeat(np.tile(np.array([0, 255], np.uint8), SIDE // 2)[None, :, None], 3, axis=2)
    view = take_view(np.repeat(stripes, SIDE, axis=0), CORNERS + np.array([0.4, 0]), height=24, width=24)
    assert np.abs(view[:, 2:-2].astype(int) - 127).max() <= 24


def test_outside_the_image_rgb_repeats_its_border_and_rgba_is_see_through():
    image = np.full((20, 20, 3), 90, np.uint8)
    around = np.array([(-20, -20), (40, -20), (40, 40), (-20, 40)], dtype=float)
    assert (take_view(image, around, height=30, width=30) == 90).all()
    alpha = take_view(np.dstack([image, np.full((20, 20), 255, np.uint8)]), around, height=60, width=60)[..., 3]
    assert alpha[21:39, 21:39].min() == 255 and alpha[:19].max() == alpha[:, 41:].max() == 0


def test_see_through_pixels_lend_nothing_to_visible_ones():
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    rgba[...] = (0, 255, 0, 0)  # a green that nobody may see
    rgba[30:60, 30:60] = (200, 0, 40, 255)
    turned = CORNERS @ np.array([(0.98, 0.17), (-0.17, 0.98)])
    view = take_view(rgba, turned, height=70, width=50)
    seen = view[view[..., 3] > 64].astype(int)
    assert len(seen) > 100 and seen[:, 1].max() <= 8
    assert np.abs(seen[:, [0, 2]] - [200, 40]).max() <= 8
