"""Arrays given instead of files."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from util.errors import ImageError
from util.images import read_image

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([3, 4]))


def test_rgb_bytes_come_back_as_they_are(photo):
    assert read_image(photo) is photo or np.shares_memory(read_image(photo), photo)
    np.testing.assert_array_equal(read_image(photo), photo)


def test_views_become_contiguous(photo):
    turned = read_image(photo[::-1, ::2])
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(turned, photo[::-1, ::2])


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_grey_is_spread(shape):
    grey = np.arange(24, dtype=np.uint8).reshape(shape)
    found = read_image(grey)
    assert found.shape == (4, 6, 3)
    assert all((found[..., channel] == grey.reshape(4, 6)).all() for channel in range(3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_the_unit_range_are_scaled_and_rounded(dtype):
    values = (np.arange(256) / 255).astype(dtype).reshape(16, 16)
    np.testing.assert_array_equal(read_image(values)[..., 0], np.arange(256).reshape(16, 16))


def test_sixteen_bits_keep_their_high_byte():
    values = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    assert read_image(values)[0, :, 0].tolist() == [0, 0, 1, 255]
    assert read_image(values.astype(">u2"))[0, :, 0].tolist() == [0, 0, 1, 255]


def test_masks_are_black_and_white():
    assert read_image(np.array([[True, False]]))[0, :, 1].tolist() == [255, 0]


def test_opaque_alpha_is_dropped_and_real_alpha_kept(photo):
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, dtype=np.uint8)])
    np.testing.assert_array_equal(read_image(opaque), photo)
    opaque[0, 0, 3] = 0
    np.testing.assert_array_equal(read_image(opaque), opaque)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 5, 3), np.uint8), r"not of shape \(0, 5, 3\)"),
        (np.zeros((5, 5, 2), np.uint8), r"not of shape \(5, 5, 2\)"),
        (np.zeros((3, 5, 5), np.uint8), r"not of shape \(3, 5, 5\)"),
        (np.zeros(5, np.uint8), r"not of shape \(5,\)"),
        (np.zeros((1, 5, 5, 3), np.uint8), "not of shape"),
        (np.zeros((5, 5, 3), np.int64), "not int64"),
        (np.full((5, 5), 255.0), r"must lie in \[0, 1\], these lie in \[255, 255\]"),
        (np.full((5, 5), -0.5), r"must lie in \[0, 1\]"),
        (np.full((5, 5), np.nan), r"must lie in \[0, 1\]"),
        (np.array([["a"]]), "uint8, uint16, bool or floating point"),
    ],
)
def test_other_arrays_are_refused(array, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(array, name="query 1")
    assert caught.value.source == "query 1"


@given(SHAPES.flatmap(lambda shape: npst.arrays(np.uint8, shape)))
def test_an_array_survives_a_png_exactly(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    truth = array[..., :3] if array.shape[2] == 4 and (array[..., 3] == 255).all() else array
    np.testing.assert_array_equal(read_image(file.getvalue()), truth)
    np.testing.assert_array_equal(read_image(array), truth)
