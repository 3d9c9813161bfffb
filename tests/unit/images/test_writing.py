"""Written images: exact where the format can be, whole or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from util.errors import ImageError, InvalidInputError
from util.images import read_image, write_image


@pytest.mark.parametrize("suffix", [".png", ".webp", ".PNG"])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_formats_give_back_what_was_written(tmp_path, photo, suffix, channels):
    alpha = np.where(photo[..., 0] > 100, photo[..., 0], 0)  # fully transparent pixels keep their colour too
    image = np.dstack([photo, alpha])[..., :channels]
    write_image(tmp_path / f"copy{suffix}", image)
    np.testing.assert_array_equal(read_image(tmp_path / f"copy{suffix}"), image)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_is_close(tmp_path, photo, suffix):
    write_image(tmp_path / f"copy{suffix}", photo)
    assert Image.open(tmp_path / f"copy{suffix}").format == "JPEG"
    assert np.abs(read_image(tmp_path / f"copy{suffix}").astype(int) - photo).max() <= 10


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_any_rgb_survives(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("write") / "any.png"
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)


@pytest.mark.parametrize(
    ("name", "image", "reason"),
    [
        ("a.gif", np.zeros((2, 2, 3), np.uint8), "cannot write .gif"),
        ("a", np.zeros((2, 2, 3), np.uint8), "a name without suffix"),
        ("a.jpg", np.zeros((2, 2, 4), np.uint8), "JPEG has no transparency"),
        ("a.png", np.zeros((2, 2), np.uint8), "H×W×3 or H×W×4"),
        ("a.png", np.zeros((0, 2, 3), np.uint8), "H×W×3 or H×W×4"),
        ("a.png", np.zeros((2, 2, 3), np.float32), "not float32"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, image, reason):
    with pytest.raises(InvalidInputError, match=reason):
        write_image(tmp_path / name, image)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error_naming_the_file(tmp_path, photo):
    with pytest.raises(ImageError, match=r"a\.png: cannot be written"):
        write_image(tmp_path / "missing" / "a.png", photo)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, photo):
    path = tmp_path / "a.webp"
    write_image(path, photo)
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(path, np.zeros((1, 20_000, 3), np.uint8))  # WebP ends at 16383 pixels
    np.testing.assert_array_equal(read_image(path), photo)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.webp"]


def test_permissions_follow_the_umask(tmp_path, photo):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_image(tmp_path / "a.png", photo)
    assert (tmp_path / "a.png").stat().st_mode == plain.stat().st_mode
