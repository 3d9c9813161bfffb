from concurrent.futures import ThreadPoolExecutor
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


def save_model(folder: Path, weights: list[float]) -> None:
    """A network of one layer, saved where rembg looks for u2netp: its mask is a weighted sum of R, G and B."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    kernel = numpy_helper.from_array(np.array(weights, np.float32).reshape(1, 3, 1, 1), "kernel")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["mask"])],
        "mask",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 320, 320])],
        [helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1, 1, 320, 320])],
        [kernel],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "u2netp.onnx")


@pytest.fixture
def models_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    folder = tmp_path / "models" / "u2netp"
    folder.mkdir(parents=True)
    rembg_models._loaded.cache_clear()
    yield folder
    rembg_models._loaded.cache_clear()


@pytest.fixture
def redness_model(models_folder) -> None:
    """Its mask is how much redder than green a pixel is."""
    save_model(models_folder, [1, -1, 0])


def test_a_model_of_rembg_cuts_out_and_is_loaded_once(redness_model):
    image, truth = disc(noise=3)
    made = remove_background(image, method="u2netp")
    assert made.shape == (160, 160, 4)
    assert made[truth, 3].mean() > 200 > 60 > made[~truth, 3].mean()
    remove_background(image, method="u2netp")
    assert rembg_models._loaded.cache_info().misses == 1


def test_models_whose_weights_are_here_are_named(models_folder):
    assert rembg_models.models_at_hand() == ()
    save_model(models_folder, [1, 0, 0])
    assert rembg_models.models_at_hand() == ("u2netp",)


def test_alpha_matting_refines_the_edge(redness_model):
    image, truth = disc(96, noise=3)
    made = remove_background(image, method="u2netp", matting=True, foreground=200, background=60, erode=3)
    assert made.shape == (96, 96, 4)
    assert ((made[..., 3] > 127) == truth).mean() > 0.97


def test_the_colours_of_the_item_are_not_darkened_at_its_edge(redness_model):
    image, _ = disc(noise=3)
    made = remove_background(image, method="u2netp")
    np.testing.assert_array_equal(made[..., :3], image)
    assert ((made[..., 3] > 20) & (made[..., 3] < 235)).any(), "the edge is soft, or this test shows nothing"


def test_large_photos_are_matted_on_a_smaller_copy(redness_model):
    image, truth = disc(240, noise=3)
    made = remove_background(image, method="u2netp", matting=True, foreground=200, background=60, erode=3, base=80)
    assert made.shape == (240, 240, 4)
    assert ((made[..., 3] > 127) == truth).mean() > 0.97
    sure = made[..., 3] == 255
    assert np.abs(made[sure][:, :3].astype(int) - image[sure]).mean() < 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("matting", [False, True])
def test_where_a_model_finds_nothing_everything_stays_visible(models_folder, matting):
    save_model(models_folder, [0, 0, 0])
    image, _ = disc(32)
    made = remove_background(image, method="u2netp", matting=matting)
    np.testing.assert_array_equal(made, np.dstack([image, np.full((32, 32), 255, np.uint8)]))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"], ids=["empty", "a web page"])
def test_weights_that_are_none_say_which_file_to_delete(models_folder, content):
    (models_folder / "u2netp.onnx").write_bytes(content)
    with pytest.raises(WeightsMissingError, match=r"delete u2netp.onnx there") as caught:
        remove_background(disc()[0], method="u2netp")
    assert "\n" not in str(caught.value)


def test_threads_that_need_one_model_load_it_once(redness_model):
    image, _ = disc(48)
    alone = remove_background(image, method="u2netp")
    rembg_models._loaded.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: remove_background(image, method="u2netp"), range(8)):
            np.testing.assert_array_equal(made, alone)
    assert rembg_models._loaded.cache_info().misses == 1


def test_the_step_of_a_recipe_passes_its_parameters_on(redness_model):
    image, _ = disc(96, noise=3)
    recipe = Recipe.parse("background=u2netp:matting=true:foreground=200:background=60:erode=3:base=50")
    by_hand = remove_background(image, method="u2netp", matting=True, foreground=200, background=60, erode=3, base=50)
    np.testing.assert_array_equal(recipe.transform(image), by_hand)


def test_the_step_of_a_recipe_does_the_same():
    image, _ = disc()
    cut = Recipe.parse("background=grabcut").transform(image)
    np.testing.assert_array_equal(cut, remove_background(image, method="grabcut"))
    whole = Recipe.parse("background=grabcut, crop=4, square, resize=64").apply(image)
    assert whole.shape == (64, 64, 3)
    assert whole[0, 0].tolist() == [0, 0, 0]
