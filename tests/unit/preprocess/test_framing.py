import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import ImageError, InvalidInputError
from util.preprocess.framing import (
    center_crop,
    crop_to_alpha,
    limit_longest,
    pad_to_square,
    resize_area,
    resize_shortest,
)
from util.preprocess.pixels import flatten

ALL = [
    lambda image: crop_to_alpha(image, margin=2),
    pad_to_square,
    lambda image: pad_to_square(image, fill="edge"),
    lambda image: pad_to_square(image, fill="white"),
    lambda image: resize_area(image, height=5, width=9),
    lambda image: resize_shortest(image, side=6),
    lambda image: limit_longest(image, side=4),
    lambda image: center_crop(image, height=7, width=3),
    flatten,
]
sides = st.integers(1, 12)


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (6, 4)])
@pytest.mark.parametrize("alpha", [None, 0, 255])
def test_smoke_tiny_and_empty_images_pass_through_everything(function, shape, alpha):
    image = noise(*shape, 3)
    if alpha is not None:
        image = np.dstack([image, np.full(shape, alpha, np.uint8)])
    before = image.copy()
    made = function(image)
    assert made.dtype == np.uint8
    assert made.ndim == 3
    assert made.size > 0
    assert made.shape[2] == (3 if function is flatten else image.shape[2])
    np.testing.assert_array_equal(image, before)


@given(height=sides, width=sides, margin=st.integers(0, 5), seed=st.integers(0, 200))
def test_a_crop_is_the_visible_box_and_its_margin(height, width, margin, seed):
    image = noise(height, width, 4, seed)
    image[..., 3] = (np.random.default_rng(seed).random((height, width)) < 0.15) * 200
    seen = [(y, x) for y in range(height) for x in range(width) if image[y, x, 3]]
    made = crop_to_alpha(image, margin=margin)
    if not seen:
        np.testing.assert_array_equal(made, image)
        return
    top, bottom = max(min(y for y, _ in seen) - margin, 0), min(max(y for y, _ in seen) + margin, height - 1)
    left, right = max(min(x for _, x in seen) - margin, 0), min(max(x for _, x in seen) + margin, width - 1)
    np.testing.assert_array_equal(made, image[top : bottom + 1, left : right + 1])


def test_without_alpha_there_is_nothing_to_crop_to():
    image = noise(5, 8, 3)
    assert crop_to_alpha(image) is image


@given(height=sides, width=sides, channels=st.sampled_from([3, 4]))
def test_padding_keeps_the_picture_in_the_middle(height, width, channels):
    image = noise(height, width, channels)
    side = max(height, width)
    made = pad_to_square(image)
    top, left = (side - height) // 2, (side - width) // 2
    np.testing.assert_array_equal(made[top : top + height, left : left + width], image)
    assert made.shape == (side, side, channels)
    made[top : top + height, left : left + width] = 0
    assert not made.any()


@pytest.mark.parametrize(
    ("fill", "channels", "pixel"),
    [
        (None, 3, [0, 0, 0]),
        (None, 4, [0, 0, 0, 0]),
        ("black", 4, [0, 0, 0, 255]),
        ("grey", 3, [128, 128, 128]),
        ("white", 4, [255, 255, 255, 255]),
        ("edge", 3, [7, 7, 7]),
        ("edge", 4, [7, 7, 7, 7]),
    ],
)
def test_what_a_square_is_filled_with(fill, channels, pixel):
    made = pad_to_square(np.full((3, 1, channels), 7, np.uint8), fill=fill)
    assert made[0, 0].tolist() == pixel
    assert made[1, 1].tolist() == [7] * channels


@given(rows=st.integers(1, 5), columns=st.integers(1, 5), scale=st.integers(1, 4), seed=st.integers(0, 100))
def test_shrinking_by_a_whole_factor_averages_blocks(rows, columns, scale, seed):
    image = noise(rows * scale, columns * scale, 3, seed)
    blocks = image.reshape(rows, scale, columns, scale, 3).mean(axis=(1, 3))
    assert np.abs(resize_area(image, height=rows, width=columns) - blocks).max() <= 0.5 + 1e-6


@given(scale=st.integers(2, 4), seed=st.integers(0, 100))
def test_see_through_pixels_lend_no_colour(scale, seed):
    rng = np.random.default_rng(seed)
    image = noise(3 * scale, 2 * scale, 4, seed)
    image[..., 3] = rng.choice([0, 255, 90], (3 * scale, 2 * scale))
    colours = image.reshape(3, scale, 2, scale, 4).astype(float)
    alpha = colours[..., 3:]
    total = alpha.sum(axis=(1, 3))
    expected = (colours[..., :3] * alpha).sum(axis=(1, 3)) / np.maximum(total, 1)
    made = resize_area(image, height=3, width=2)
    visible = total[..., 0] / scale**2 >= 1
    assert np.abs(made[..., :3][visible] - expected[visible]).max() <= 0.51
    assert np.abs(made[..., 3] - total[..., 0] / scale**2).max() <= 0.51


def test_growing_keeps_flat_colours_and_the_edge_of_a_cut_out():
    image = np.zeros((4, 4, 4), np.uint8)
    image[:, 2:] = (200, 10, 60, 255)
    image[:, :2, :3] = (0, 255, 0)  # under see-through pixels: must not shine through
    made = resize_area(image, height=13, width=11)
    assert np.abs(made[made[..., 3] > 0][:, :3].astype(int) - [200, 10, 60]).max() <= 1


def test_one_side_may_shrink_while_the_other_grows():
    assert resize_area(np.full((40, 3, 3), 90, np.uint8), height=10, width=12).tolist() == [[[90] * 3] * 12] * 10


@given(height=sides, width=sides, side=st.integers(1, 30))
def test_the_shorter_side_becomes_what_was_asked(height, width, side):
    made = resize_shortest(noise(height, width, 3), side=side)
    assert min(made.shape[:2]) == side
    assert abs(made.shape[0] * width - made.shape[1] * height) <= max(height, width) / 2 + 1e-9


@given(height=sides, width=sides, side=st.integers(1, 30))
def test_the_longer_side_is_bounded_and_small_images_stay(height, width, side):
    image = noise(height, width, 3)
    made = limit_longest(image, side=side)
    assert max(made.shape[:2]) == min(side, max(height, width))
    if max(height, width) <= side:
        np.testing.assert_array_equal(made, image)


@given(height=sides, width=sides, rows=sides, columns=sides)
def test_a_centre_crop_is_the_middle_of_the_padded_picture(height, width, rows, columns):
    image = noise(height, width, 3)
    tall, wide = max(height, rows), max(width, columns)
    padded = np.zeros((tall, wide, 3), np.uint8)
    padded[(tall - height) // 2 :, (wide - width) // 2 :][:height, :width] = image
    expected = padded[(tall - rows) // 2 :, (wide - columns) // 2 :][:rows, :columns]
    np.testing.assert_array_equal(center_crop(image, height=rows, width=columns), expected)


@pytest.mark.parametrize(("background", "level"), [("black", 0), ("grey", 128), ("white", 255)])
def test_flattening_is_alpha_blending(background, level):
    image = noise(6, 7, 4)
    weight = image[..., 3:] / 255
    expected = image[..., :3] * weight + level * (1 - weight)
    assert np.abs(flatten(image, background=background) - expected).max() <= 0.51


@pytest.mark.parametrize(
    "strip", [np.zeros((1, 60_000, 3), np.uint8), np.zeros((60_000, 1, 3), np.uint8)], ids=["wide", "tall"]
)
@pytest.mark.parametrize("function", [pad_to_square, lambda image: resize_shortest(image, side=256)])
def test_a_strip_does_not_become_gigabytes(strip, function):
    with pytest.raises(ImageError, match="crop it or resize it first"):
        function(strip)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pad_to_square([[1]]), "not list"),
        (lambda: pad_to_square(np.zeros((4, 4), np.uint8)), r"H×W×3 .* not uint8 \(4, 4\)"),
        (lambda: crop_to_alpha(np.zeros((4, 4, 4))), "not float64"),
        (lambda: resize_area(np.zeros((0, 4, 3), np.uint8), height=1, width=1), "read it by"),
        (lambda: resize_area(noise(2, 2, 3), height=0, width=1), "at least 1 pixel"),
        (lambda: crop_to_alpha(noise(2, 2, 4), margin=-1), "at least 0"),
        (lambda: pad_to_square(noise(2, 3, 3), fill="pink"), "black, grey, white"),
        (lambda: flatten(noise(2, 3, 4), background="pink"), "black, grey, white"),
    ],
)
def test_exceptions(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
