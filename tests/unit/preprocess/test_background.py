from pathlib import Path

import cv2
import numpy as np
import pytest

from util.errors import InvalidInputError, WeightsMissingError
from util.preprocess import rembg_models
from util.preprocess.background import remove_background
from util.preprocess.recipe import Recipe


def disc(size: int = 160, noise: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on a noisy green ground, and its true mask."""
    rng = np.random.default_rng(0)
    image = np.clip(np.array([40, 120, 60]) + rng.normal(0, noise, (size, size, 3)), 0, 255).astype(np.uint8)
    truth = cv2.circle(np.zeros((size, size), np.uint8), (size // 2, size // 2), size // 3, 1, -1).astype(bool)
    image[truth] = np.clip(np.array([200, 40, 50]) + rng.normal(0, noise, (truth.sum(), 3)), 0, 255).astype(np.uint8)
    return image, truth


@pytest.mark.parametrize("size", [64, 160, 500])
def test_grabcut_finds_the_item(size):
    image, truth = disc(size)
    made = remove_background(image, method="grabcut")
    found = made[..., 3] > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.95
    np.testing.assert_array_equal(made[..., :3], image)


def test_grabcut_gives_the_same_cut_out_again():
    image, _ = disc()
    first = remove_background(image, method="grabcut")
    remove_background(disc(90)[0], method="grabcut")
    np.testing.assert_array_equal(remove_background(image, method="grabcut"), first)


@pytest.mark.parametrize(
    "image",
    [
        np.full((1, 1, 3), 7, np.uint8),
        np.full((1, 300, 3), 7, np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8),
    ],
    ids=["one pixel", "one row", "white", "tiny noise"],
)
def test_where_no_item_can_be_made_out_everything_stays_visible(image):
    made = remove_background(image, method="grabcut")
    assert made.shape == (*image.shape[:2], 4)
    assert (made[..., 3] == 255).all()


@pytest.mark.parametrize("method", ["grabcut", "u2netp", "none"])
def test_a_cut_out_is_not_cut_again(method):
    image = np.dstack([disc()[0], np.full((160, 160), 128, np.uint8)])
    assert remove_background(image, method=method) is image


def test_unknown_models_list_those_there_are():
    with pytest.raises(InvalidInputError, match=r"grabcut, none or one of .*u2netp"):
        remove_background(disc()[0], method="u3net")


def test_missing_weights_say_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens there: no download
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(WeightsMissingError, match=r"put silueta.onnx .* there") as caught:
        remove_background(disc()[0], method="silueta")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def redness_model(tmp_path, monkeypatch) -> Path:
    """A network of one layer, saved where rembg looks for u2netp: its mask is how much redder than green a pixel is."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = numpy_helper.from_array(np.array([1, -1, 0], np.float32).reshape(1, 3, 1, 1), "weights")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["mask"])],
        "redness",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 320, 320])],
        [helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1, 1, 320, 320])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    folder = tmp_path / "models" / "u2netp"
    folder.mkdir(parents=True)
    onnx.save(model, folder / "u2netp.onnx")
    rembg_models._loaded.cache_clear()
    yield folder
    rembg_models._loaded.cache_clear()


def test_a_model_of_rembg_cuts_out_and_is_loaded_once(redness_model):
    image, truth = disc(noise=3)
    made = remove_background(image, method="u2netp")
    assert made.shape == (160, 160, 4)
    assert made[truth, 3].mean() > 200 > 60 > made[~truth, 3].mean()
    remove_background(image, method="u2netp")
    assert rembg_models._loaded.cache_info().misses == 1


def test_alpha_matting_refines_the_edge(redness_model):
    image, truth = disc(96, noise=3)
    made = remove_background(image, method="u2netp", matting=True, foreground=200, background=60, erode=3)
    assert made.shape == (96, 96, 4)
    assert ((made[..., 3] > 127) == truth).mean() > 0.97


def test_the_step_of_a_recipe_does_the_same():
    image, _ = disc()
    cut = Recipe.parse("background=grabcut").transform(image)
    np.testing.assert_array_equal(cut, remove_background(image, method="grabcut"))
    whole = Recipe.parse("background=grabcut, crop=4, square, resize=64").apply(image)
    assert whole.shape == (64, 64, 3)
    assert whole[0, 0].tolist() == [0, 0, 0]
