from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array
from scipy.sparse.linalg import spsolve

from util.errors import ImageError, InvalidInputError, RecipeError
from util.images import read_image
from util.preprocess.exposure import correct_exposure, exposure_pair, illumination
from util.preprocess.fusion import fuse_exposures
from util.preprocess.grid_walk import solve
from util.preprocess.recipe import Recipe

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "exposure"


def naive_solve(across: np.ndarray, down: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The equations written out pixel by pixel, and a general solver."""
    height, width = source.shape
    matrix = np.eye(height * width)
    for y in range(height):
        for x in range(width):
            here = y * width + x
            for i, j, rates in ((y, x - 1, across), (y, x + 1, across), (y - 1, x, down), (y + 1, x, down)):
                if 0 <= i < height and 0 <= j < width:
                    matrix[here, i * width + j] -= rates[i, j]
                    matrix[here, here] += rates[i, j]
    return spsolve(csc_array(matrix), source.ravel()).reshape(height, width)


def naive_illumination(brightness: np.ndarray, lambda_: float, sigma: float, eps: float) -> np.ndarray:
    """LIME's weights by the formulas, with a two-dimensional window and explicit zero padding."""
    height, width = brightness.shape
    offsets = np.arange(15) - 7
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * sigma**2))

    def windowed(plane: np.ndarray) -> np.ndarray:
        padded = np.pad(plane, 7)
        return np.array(
            [[(padded[y : y + 15, x : x + 15] * window).sum() for x in range(width)] for y in range(height)]
        )

    def rates(dx: int, dy: int) -> np.ndarray:
        gradient = cv2.Sobel(brightness, cv2.CV_64F, dx, dy, ksize=1)
        return windowed(np.ones_like(brightness)) / (np.abs(windowed(gradient)) + eps) / (np.abs(gradient) + eps)

    return naive_solve(lambda_ * rates(1, 0), lambda_ * rates(0, 1), brightness)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = ((one.astype(float) - other.astype(float)) ** 2).mean()
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


@settings(max_examples=60)
@given(
    height=st.integers(1, 26),
    width=st.integers(1, 26),
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.0, 1.0, 3.0, 5.0]),
)
def test_the_solver_equals_a_general_one_at_all_sizes_and_spreads_of_rates(height, width, seed, spread):
    rng = np.random.default_rng(seed)
    across, down = 10 ** rng.uniform(-spread, spread, (2, height, width))
    source = rng.random((height, width))
    np.testing.assert_allclose(solve(across, down, source), naive_solve(across, down, source), rtol=2e-4, atol=1e-6)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    lambda_=st.sampled_from([0.0, 0.15, 2.0]),
    sigma=st.sampled_from([1.0, 3.0]),
    eps=st.sampled_from([1e-3, 1e-2]),
)
def test_the_illumination_equals_the_formulas(seed, lambda_, sigma, eps):
    rng = np.random.default_rng(seed)
    brightness = rng.random((int(rng.integers(1, 20)), int(rng.integers(1, 20))))
    made = illumination(brightness, lambda_=lambda_, sigma=sigma, eps=eps)
    np.testing.assert_allclose(made, naive_illumination(brightness, lambda_, sigma, eps), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"the outputs of the published implementation are not at {FIXTURES}")
@pytest.mark.parametrize("number", range(8))
def test_the_published_implementation_gives_the_same_pictures(number):
    def picture(name: str) -> np.ndarray:
        return read_image(FIXTURES / f"{number:02d}_{name}.png")

    image = picture("input")
    under, over = exposure_pair(image)
    assert psnr(under, picture("under")) >= 60
    assert psnr(over, picture("over")) >= 60
    assert psnr(correct_exposure(image), picture("dual")) >= 60
    assert psnr(correct_exposure(image, method="lime"), picture("lime")) >= 60


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    exponents=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 2.0])] * 3),
)
def test_the_fusion_is_that_of_opencv(seed, height, width, exponents):
    rng = np.random.default_rng(seed)
    images = [cv2.blur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (3, 3)) for _ in range(3)]
    contrast, saturation, exposedness = exponents
    made = fuse_exposures(images, contrast=contrast, saturation=saturation, exposedness=exposedness)
    np.testing.assert_allclose(made, cv2.createMergeMertens(*exponents).process(images), atol=1e-4)


def test_far_away_pixels_that_weigh_next_to_nothing_do_no_harm():
    """Shares along this row fall to 1e-60, far below what float32 can hold."""
    rates, source = np.full((1, 120), 0.1), np.zeros((1, 120))
    source[0, 0] = 1.0
    np.testing.assert_allclose(solve(rates, rates, source), naive_solve(rates, rates, source), rtol=1e-5, atol=1e-17)


def test_dark_parts_become_brighter_and_blown_out_ones_darker():
    gradient = np.linspace(0, 1, 64)
    photo = np.repeat((np.stack([gradient, gradient * 0.9, gradient * 0.8], axis=-1) * 255)[None], 32, axis=0)
    dark, bright = (photo * 0.25).astype(np.uint8), (255 - (255 - photo) * 0.25).astype(np.uint8)
    assert correct_exposure(dark, method="lime").mean() > 1.5 * dark.mean()
    assert correct_exposure(dark).mean() > dark.mean()
    assert exposure_pair(bright)[1].mean() < bright.mean()


def test_gamma_sets_the_strength():
    dark = np.full((12, 12, 3), 40, np.uint8)
    means = [correct_exposure(dark, method="lime", gamma=gamma).mean() for gamma in (0.2, 0.6, 1.0)]
    assert means == sorted(means)
    assert means[0] < means[-1]


@pytest.mark.parametrize("method", ["dual", "lime"])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 40, 3), 255, np.uint8),
        np.zeros((33, 2, 3), np.uint8),
        np.full((16, 16, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (31, 57, 3), dtype=np.uint8),
    ],
    ids=["one pixel", "one row", "two columns", "white", "noise"],
)
def test_any_image_is_corrected(method, image):
    made = correct_exposure(image, method=method)
    assert made.shape == image.shape
    assert made.dtype == np.uint8


def test_alpha_stays_as_it_was():
    image = np.random.default_rng(0).integers(1, 256, (20, 20, 4), dtype=np.uint8)
    made = correct_exposure(image)
    np.testing.assert_array_equal(made[..., 3], image[..., 3])
    np.testing.assert_array_equal(made[..., :3], correct_exposure(image[..., :3]))


@pytest.mark.parametrize("method", ["dual", "lime"])
def test_what_was_behind_a_cut_out_does_not_shine_on_it(method):
    item = np.random.default_rng(0).integers(0, 120, (24, 30, 3), dtype=np.uint8)
    alpha = cv2.circle(np.zeros((24, 30), np.uint8), (15, 12), 8, 255, -1)
    dark, bright = (np.dstack([np.where(alpha[..., None] > 0, item, behind), alpha]) for behind in (0, 255))
    made = [correct_exposure(image.astype(np.uint8), method=method)[alpha > 0] for image in (dark, bright)]
    np.testing.assert_array_equal(*made)


def test_too_many_pixels_for_the_solver_say_what_to_do():
    with pytest.raises(ImageError, match="2000×1400 pixels: .* resize it first"):
        correct_exposure(np.broadcast_to(np.uint8(9), (1400, 2000, 3)))


def test_threads_at_once_come_to_the_same_pictures():
    images = [np.random.default_rng(i).integers(0, 256, (40 + i, 50, 3), dtype=np.uint8) for i in range(8)]
    alone = [correct_exposure(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(correct_exposure, images), alone, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_step_of_a_recipe_does_the_same():
    image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    written = Recipe.parse("exposure=lime:gamma=0.8:lambda=0.3:sigma=2:eps=0.01")
    made = correct_exposure(image, method="lime", gamma=0.8, lambda_=0.3, sigma=2, eps=0.01)
    np.testing.assert_array_equal(written.apply(image), made)
    with pytest.raises(RecipeError, match="dual, lime"):
        Recipe.parse("exposure=hdr")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hdr"}, "dual or lime"),
        ({"gamma": 0}, "gamma"),
        ({"lambda_": -1}, "lambda"),
        ({"sigma": float("nan")}, "sigma"),
        ({"eps": 0}, "eps"),
    ],
)
def test_parameters_that_cannot_be(options, message):
    with pytest.raises(InvalidInputError, match=message):
        correct_exposure(np.zeros((2, 2, 3), np.uint8), **options)
