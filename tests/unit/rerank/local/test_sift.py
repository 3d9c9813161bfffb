import numpy as np
import pytest

from util.errors import InvalidInputError
from util.rerank.local.features import LocalFeatures
from util.rerank.local.sift import SiftMatcher, detect_sift, root_sift


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (7, 7, 3), (100, 100, 3), (1, 1, 4)])
def test_where_nothing_is_printed_nothing_is_found(shape):
    found = detect_sift(np.full(shape, 200, np.uint8))
    assert len(found) == 0
    assert found.descriptors.shape == (0, 128)
    assert found.size == (shape[1], shape[0])


def test_print_is_found_and_the_same_again(label):
    first, second = detect_sift(label()), detect_sift(label())
    assert len(first) > 100
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.descriptors, second.descriptors)
    assert first.descriptors.dtype == np.uint8


def test_no_more_keypoints_than_asked_for(label):
    assert len(detect_sift(label(), keypoints=20)) <= 22  # OpenCV keeps all that are as strong as the last


def test_places_are_those_of_the_photo_as_it_was_decoded(label):
    """A photo twice as large, shrunk to the same size, has its features at twice the places."""
    small = label(side=300)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    few, many = detect_sift(small, side=300), detect_sift(large, side=300)
    expected = (few.points + 0.5) * 2 - 0.5
    distances = np.linalg.norm(expected[:, None] - many.points[None], axis=2).min(axis=1)
    assert np.median(distances) < 0.01
    assert many.size == (600, 600)


def test_see_through_parts_are_paper(label):
    image = label()
    image[:, 150:] = 255
    alpha = np.full((300, 300, 1), 255, np.uint8)
    alpha[:, 150:] = 0
    hidden = np.dstack([label(), alpha])
    np.testing.assert_array_equal(detect_sift(hidden).points, detect_sift(image).points)


def test_root_sift_is_the_square_root_of_shares():
    rows = np.random.default_rng(0).integers(0, 120, (50, 128)).astype(np.float32)
    rows[3] = 0
    stored = root_sift(rows).astype(float)
    for row, kept in zip(rows, stored, strict=True):
        expected = np.sqrt(row / row.sum()) if row.sum() else row
        np.testing.assert_allclose(kept / 512, expected, atol=0.5 / 512 + 1e-6)


def test_bytes_change_a_cosine_little(label):
    import cv2

    grey = cv2.cvtColor(label(), cv2.COLOR_RGB2GRAY)
    exact = np.sqrt(cv2.SIFT.create(200).detectAndCompute(grey, None)[1])
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    none = np.zeros(len(exact), np.float32)
    points = np.zeros((len(exact), 2), np.float32)
    stored = LocalFeatures(points, none, none.copy(), root_sift(exact**2), (1, 1)).unit_descriptors()
    assert np.abs(stored @ stored.T - exact @ exact.T).max() < 0.005


def test_features_outlive_a_cache(label):
    found = detect_sift(label())
    again = LocalFeatures.from_arrays(found.to_arrays())
    assert again.size == found.size
    np.testing.assert_array_equal(again.points, found.points)
    np.testing.assert_array_equal(again.unit_descriptors(), found.unit_descriptors())


def test_features_must_belong_together():
    none = np.zeros(3, np.float32)
    with pytest.raises(InvalidInputError, match="points"):
        LocalFeatures(np.zeros((2, 2), np.float32), none, none, np.zeros((3, 128), np.uint8), (9, 9))


@pytest.mark.parametrize("options", [{"side": 8}, {"keypoints": 0}, {"ratio": 0.0}, {"ratio": 1.2}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidInputError, match="SIFT needs"):
        SiftMatcher(**options)


@pytest.mark.parametrize("image", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)])
def test_what_is_no_photo_is_refused(image):
    with pytest.raises(InvalidInputError, match="uint8"):
        detect_sift(image)
