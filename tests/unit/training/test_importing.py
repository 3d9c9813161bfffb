"""Weights of prior systems as extractors: the same maps come out, and the card says what was left out."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from util.errors import ExtractorUnavailableError, InvalidInputError, UnknownExtractorError, WeightsMissingError
from util.image_extract import load
from util.networks.card import read_card
from util.training.importing import import_weights

ALEXNET = {"conv1": (96, 3, 11, 11), "conv2": (256, 96, 5, 5), "conv3": (384, 256, 3, 3),
           "conv4": (384, 384, 3, 3), "conv5": (256, 384, 3, 3), "fc3": (10, 4)}  # fmt: skip
NINE = ALEXNET | {"conv1": (96, 9, 11, 11)}


@pytest.fixture
def saved(tmp_path):
    def save(state, name="prior.pth"):
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def layers(shapes):
    """Weights drawn small enough that nothing overflows, the same ones each time."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes.items():
        inputs = torch.tensor(shape[1:]).prod()
        state[f"{name}.weight"] = torch.randn(shape, generator=rng) / inputs**0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=rng) / 10
    return state


def siamese_cnn(grid=13, dimension=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = nn.Sequential(
            nn.Conv2d(3, 32, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
            nn.Conv2d(32, 64, 5), nn.PReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
        )  # fmt: skip
        fc = nn.Sequential(nn.Linear(64 * grid * grid, 512), nn.PReLU(), nn.Linear(512, dimension))
        return nn.ModuleDict({"conv": conv, "fc": fc}).eval()


def photo(size=80):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


def prior_alexnet_maps(state, images):
    """Largest value of each map after the last pooling of the system's AlexNet: (N, 256)."""
    maps = images
    for number, options in enumerate([{"stride": 4, "padding": 2}, {"padding": 2}, *[{"padding": 1}] * 3], start=1):
        maps = functional.conv2d(maps, state[f"conv{number}.weight"], state[f"conv{number}.bias"], **options).relu()
        maps = functional.max_pool2d(maps, 3, 2) if number in (1, 2, 5) else maps
    return maps.amax(dim=(2, 3))


def unit(rows):
    return functional.normalize(rows, dim=1).detach().numpy()


def test_an_alphaalexnet_answers_as_it_did_on_the_pixels_it_was_trained_on(saved, models):
    state = layers(NINE)
    weights, report = import_weights(saved(state), network="alphaalexnet", name="alpha", models_dir=models)
    assert weights == models / "alpha.safetensors"
    assert (len(report.taken), set(report.left_out), report.missing) == (10, {"fc3.weight", "fc3.bias"}, ())
    extractor = load("alpha", models_dir=models, device="cpu")
    assert str(extractor.recipe) == "square, resize=224, channels=transposed"

    rgb = photo(224).astype(np.float64)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    plain = (rgb / 255 - mean) / std
    channels = [plain, plain.swapaxes(0, 1), ((255 - rgb) - mean) / std]  # the last never divided by 255 there
    images = torch.from_numpy(np.concatenate(channels, axis=2)).permute(2, 0, 1)[None].float()
    np.testing.assert_allclose(extractor.extract([photo(224)]), unit(prior_alexnet_maps(state, images)), atol=1e-5)


def test_the_small_siamese_network_is_built_for_the_images_its_file_is_for(saved, models):
    prior = siamese_cnn(grid=14)  # 68 pixels: (68 - 4) / 2 = 32, (32 - 4) / 2 = 14
    state = {f"module.{name}": weight for name, weight in prior.state_dict().items()}
    _, report = import_weights(saved(state), network="siamese_cnn", name="flowers", models_dir=models)
    assert (len(report.taken), report.left_out, report.missing) == (11, {}, ())
    extractor = load("flowers", models_dir=models, device="cpu")
    assert (str(extractor.recipe), extractor.dimension) == ("square, resize=68", 6)
    pixels = torch.from_numpy(photo(68)).permute(2, 0, 1)[None].float() / 255
    expected = unit(prior["fc"](prior["conv"](pixels).flatten(1)))
    np.testing.assert_allclose(extractor.extract([photo(68)]), expected, atol=1e-5)


@pytest.mark.slow
def test_a_resnet_embedding_brings_its_dimension(saved, models):
    import torchvision.models

    with torch.device("meta"):
        shapes = torchvision.models.resnet50(num_classes=5).state_dict()
    state = {f"backbone.{name}": torch.full((), 0.01).expand(weight.shape) for name, weight in shapes.items()}
    _, report = import_weights(saved(state), network="resnet50", name="flowers", models_dir=models)
    card = read_card(models / "flowers.json")
    assert (card.network, card.head, card.dimension, report.missing) == ("resnet50", "linear", 5, ())
    assert (card.mean, card.std) == ((0, 0, 0), (1, 1, 1))


def test_the_card_says_what_was_left_out_and_what_is_random(saved, models):
    import_weights(saved(layers(ALEXNET)), network="alexnet_original", name="cifar", dimension=8, models_dir=models)
    card = read_card(models / "cifar.json")
    assert card.notes == (
        "imported, 10 weights taken; left out: fc3.weight, fc3.bias (the network has none of them); "
        "not in the file, so random until it is trained: head.weight, head.bias"
    )
    assert "AlexNet or AlphaAlexNet of ImageIdentification, from prior.pth (sha256 " in card.data
    assert (card.mean, card.recipe, card.dimension) == ((0.485, 0.456, 0.406), "square, resize=224", 8)


def test_what_is_random_is_the_same_each_time(saved, models):
    source = saved(layers(ALEXNET))
    for name in ("one", "two"):
        import_weights(source, network="alexnet_original", name=name, dimension=8, models_dir=models)
    assert read_card(models / "one.json").sha256 == read_card(models / "two.json").sha256


def test_a_recipe_for_nine_channels_widens_weights_for_three(saved, models):
    recipe = "square, resize=64, channels=transposed"
    import_weights(saved(layers(ALEXNET)), network="alexnet_original", name="nine", recipe=recipe, models_dir=models)
    assert load("nine", models_dir=models, device="cpu").extract([photo()]).shape == (1, 256)
    assert read_card(models / "nine.json").mean[:6] == (0.485, 0.456, 0.406) * 2


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"network": "alexandria"}, UnknownExtractorError, "no network is called 'alexandria'"),
        ({"network": "siamese_cnn"}, ExtractorUnavailableError, "which are for a network AlexNet, not SiameseCNN"),
        ({"network": "resnet50"}, ExtractorUnavailableError, "which are for a network AlexNet, not Embedder"),
        ({"recipe": "resize=no"}, InvalidInputError, "resize"),
        ({"recipe": "resize=20"}, InvalidInputError, "takes images from 63×63 pixels"),
        ({"network": "alphaalexnet", "recipe": "resize=64"}, InvalidInputError, "takes images of 9 channels, not 3"),
        ({"name": "../outside"}, InvalidInputError, "cannot be called '../outside'"),
        ({"name": "phash"}, InvalidInputError, "there is an extractor 'phash' already"),
        ({"dimension": 0}, InvalidInputError, "at least 1, not 0"),
    ],
)
def test_what_cannot_become_an_extractor_leaves_nothing_behind(saved, models, options, error, part):
    source = saved(layers(ALEXNET))
    with pytest.raises(error, match=re.escape(part)) as caught:
        import_weights(source, **{"network": "alexnet_original", "name": "new", "models_dir": models} | options)
    assert "\n" not in str(caught.value)
    assert not models.exists() or not any(models.iterdir())


class Anything:
    """Not a tensor."""


def test_no_code_in_a_file_is_run_and_no_file_is_said(saved, tmp_path, models):
    with pytest.raises(ExtractorUnavailableError, match="cannot be read as weights"):
        import_weights(saved({"conv1.weight": Anything()}), network="alexnet", name="new", models_dir=models)
    with pytest.raises(WeightsMissingError, match="no weights at"):
        import_weights(tmp_path / "none.pth", network="alexnet", name="new", models_dir=models)


def test_an_extractor_is_not_overwritten(saved, models):
    source = saved(layers(ALEXNET))
    weights, _ = import_weights(source, network="alexnet_original", name="cifar", models_dir=models)
    before = weights.read_bytes()
    with pytest.raises(InvalidInputError, match="there is an extractor 'cifar' already"):
        import_weights(source, network="alexnet_original", name="cifar", dimension=8, models_dir=models)
    assert weights.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(saved, tmp_path):
    source = saved(layers(ALEXNET))
    with pytest.raises(InvalidInputError, match=r"cannot write the extractor .*prior\.pth"):
        import_weights(source, network="alexnet_original", name="new", models_dir=source)
