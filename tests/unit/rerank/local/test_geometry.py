import numpy as np
import pytest

from util.errors import InvalidInputError
from util.rerank.local.geometry import fit_model, is_credible, project

SQUARE = np.array([[10, 10], [290, 10], [290, 290], [10, 290]], np.float64)


@pytest.fixture
def points():
    return np.random.default_rng(3).uniform(10, 290, (60, 2)).astype(np.float32)


def with_outliers(points, matrix, share=0.5, seed=5):
    """Points through a model, most of the rest anywhere."""
    rng = np.random.default_rng(seed)
    seen = project(matrix, points)
    wrong = rng.permutation(len(points))[: int(share * len(points))]
    seen[wrong] = rng.uniform(0, 340, (len(wrong), 2))
    right = np.ones(len(points), bool)
    right[wrong] = False
    return seen.astype(np.float32), right


@pytest.mark.parametrize("estimator", ["magsac", "ransac"])
def test_a_known_homography_is_found_among_as_many_wrong_matches(points, tilt, estimator):
    seen, right = with_outliers(points, tilt)
    fitted = fit_model(points, seen, estimator=estimator)
    assert np.abs(project(fitted.matrix, SQUARE) - project(tilt, SQUARE)).max() < 1.0
    assert (fitted.inliers[right]).all()
    assert fitted.inliers[~right].sum() <= 2


@pytest.mark.parametrize("estimator", ["magsac", "ransac"])
def test_a_known_affine_motion_is_found(points, estimator):
    matrix = np.array([[0.8, -0.3, 60], [0.25, 0.9, 10], [0, 0, 1]])
    seen, right = with_outliers(points, matrix)
    fitted = fit_model(points, seen, motion="affine", estimator=estimator)
    assert np.abs(project(fitted.matrix, SQUARE) - project(matrix, SQUARE)).max() < 1.0
    assert fitted.inliers[right].all()


def test_equal_matches_give_an_equal_model(points, tilt):
    seen, _ = with_outliers(points, tilt, share=0.6)
    for estimator in ("magsac", "ransac"):
        first, second = (fit_model(points, seen, estimator=estimator) for _ in range(2))
        np.testing.assert_array_equal(first.matrix, second.matrix)


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1.0, 1.0]) + np.array([[0, 0, 300], [0, 0, 0], [0, 0, 0]]),  # a mirror image
        np.diag([0.1, 0.1, 1.0]),  # a tenth of the size
        np.diag([7.5, 7.5, 1.0]),
        np.diag([1.0, 0.1, 1.0]),  # flattened
        np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, -1.5]]),  # the horizon at x = 150
    ],
)
def test_what_no_camera_makes_is_refused(points, matrix):
    seen = project(matrix, points).astype(np.float32)
    assert fit_model(points, seen) is None
    assert not is_credible(matrix, points)


def test_random_matches_have_no_model(points):
    seen = np.random.default_rng(9).uniform(0, 300, points.shape).astype(np.float32)
    assert fit_model(points, seen) is None


def test_matches_in_one_place_are_one_match(points):
    """SIFT gives one place several directions; they must not count as many witnesses."""
    few = np.repeat(points[:5], 6, axis=0)
    assert fit_model(few, few) is None
    assert fit_model(points, np.repeat(points[:1], len(points), axis=0)) is None


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_too_few_matches_have_no_model(points, count):
    assert fit_model(points[:count], points[:count]) is None


def test_points_on_a_line_do_not_break_it():
    line = np.column_stack([np.linspace(0, 300, 40), np.full(40, 50.0)]).astype(np.float32)
    fitted = fit_model(line, line)
    assert fitted is None or np.all(np.isfinite(fitted.matrix))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motion": "rigid"}, "homography or affine"),
        ({"estimator": "lmeds"}, "magsac or ransac"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"min_inliers": 3}, "at least 4"),
    ],
)
def test_options_out_of_range_are_refused(points, options, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_model(points, points, **options)


def test_points_that_do_not_belong_together_are_refused(points):
    with pytest.raises(InvalidInputError, match="two arrays"):
        fit_model(points, points[:5])
