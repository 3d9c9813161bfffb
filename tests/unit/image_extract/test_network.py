"""The way from pixels to embeddings that all networks share."""

import numpy as np
import pytest
import torch
from torch import nn

from util.errors import ExtractorUnavailableError, InvalidInputError, WeightsMissingError
from util.image_extract import _network, load
from util.image_extract._device import resolve_device
from util.image_extract._network import NetworkExtractor


class Recorder(nn.Module):
    """Returns the mean of each channel, so that a person can say what must come out; keeps what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.clone())
        return images.mean(dim=(2, 3)) * self.scale


class MeanOfChannels(NetworkExtractor):
    name = "mean_of_channels"
    dimension = 3
    default_recipe = ""
    mean = (0.1, 0.2, 0.3)
    std = (0.5, 0.25, 2.0)
    smallest = 4

    def build(self) -> nn.Module:
        return Recorder()

    def load_pretrained(self) -> nn.Module:
        return Recorder()

    @property
    def seen(self) -> list[torch.Tensor]:
        return self._network.seen


@pytest.fixture
def extractor() -> MeanOfChannels:
    return MeanOfChannels(device="cpu")


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def normalised_by_hand(pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    planes = [(pixels[..., channel] / 255 - mean[channel]) / std[channel] for channel in range(3)]
    return np.stack(planes)


def test_the_network_sees_normalised_red_green_blue(extractor):
    pixels = image(7, 5)
    extractor.extract([pixels])
    [[seen]] = extractor.seen
    np.testing.assert_allclose(seen.numpy(), normalised_by_hand(pixels, extractor.mean, extractor.std), atol=1e-5)


def test_alexnet_sees_the_pixels_of_its_recipe_in_red_green_blue():
    alexnet = load("alexnet", weights="random", device="cpu")
    seen = []
    alexnet._network.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    photo = np.zeros((50, 80, 3), np.uint8)
    photo[..., 0], photo[..., 1] = 250, 100  # orange: red is large, blue is nothing
    alexnet.extract([photo])
    expected = normalised_by_hand(alexnet.prepare(photo), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    np.testing.assert_allclose(seen[0][0].numpy(), expected, atol=1e-4)
    assert seen[0][0, 0, 112, 112] > seen[0][0, 1, 112, 112] > seen[0][0, 2, 112, 112]


def test_images_of_one_size_go_through_together_and_come_back_in_order(extractor):
    images = [image(6, 5, 0), image(4, 9, 1), image(6, 5, 2), image(4, 9, 3), image(5, 6, 4)]
    embeddings = extractor.extract(images)
    assert sorted(tuple(seen.shape) for seen in extractor.seen) == [(1, 3, 5, 6), (2, 3, 4, 9), (2, 3, 6, 5)]
    for embedding, pixels in zip(embeddings, images, strict=True):
        means = normalised_by_hand(pixels, extractor.mean, extractor.std).mean(axis=(1, 2))
        np.testing.assert_allclose(embedding, means / np.linalg.norm(means), atol=1e-5)


def test_memory_is_bounded_however_many_images_there_are(extractor, monkeypatch):
    monkeypatch.setitem(_network.PIXELS_A_PASS, "cpu", 3 * 6 * 5)
    whole = extractor.extract([image(6, 5, seed) for seed in range(8)])
    assert [len(seen) for seen in extractor.seen] == [3, 3, 2]
    assert whole.shape == (8, 3)


def test_an_image_larger_than_a_pass_still_goes_through(extractor, monkeypatch):
    monkeypatch.setitem(_network.PIXELS_A_PASS, "cpu", 10)
    assert extractor.extract([image(6, 5), image(6, 5)]).shape == (2, 3)
    assert [len(seen) for seen in extractor.seen] == [1, 1]


def test_the_network_neither_trains_nor_keeps_gradients(extractor):
    extractor.extract([image(6, 5)])
    assert not extractor._network.training
    assert not any(parameter.requires_grad for parameter in extractor._network.parameters())
    assert extractor.seen[0].is_inference()


def test_random_weights_are_those_of_their_seed_and_leave_the_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (load("timm:test_resnet", weights="random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_fingerprint_changes_with_the_numbers_the_input_is_normalised_by():
    class OtherMean(MeanOfChannels):
        mean = (0.1, 0.2, 0.4)

    class OtherNetwork(MeanOfChannels):
        architecture = "another"

    own = MeanOfChannels(device="cpu")
    assert len({own.fingerprint, OtherMean(device="cpu").fingerprint, OtherNetwork(device="cpu").fingerprint}) == 3


def test_an_image_the_network_cannot_take_is_refused(extractor):
    with pytest.raises(InvalidInputError, match="mean_of_channels takes images from 4×4 pixels, not 9×3"):
        extractor.extract([image(3, 9)])


@pytest.mark.parametrize(
    ("name", "recipe", "message"),
    [
        ("alexnet", "resize=32", "alexnet takes images from 63×63 pixels, not 32×32"),
        ("vit_b_16", "resize=256", "vit_b_16 takes images of 224×224 pixels only, not 256×256"),
        ("timm:test_vit", "resize=100x160", "timm:test_vit takes images of 160×160 pixels only, not 100×160"),
    ],
)
def test_a_recipe_of_another_size_is_refused_before_anything_is_loaded(name, recipe, message):
    with pytest.raises(InvalidInputError, match=message):
        load(name, recipe=recipe, weights="no such file")


def test_a_network_that_returns_something_else_than_promised_is_named():
    class FourDimensions(MeanOfChannels):
        dimension = 4

    with pytest.raises(ExtractorUnavailableError, match=r"returns \(1, 3\) for 1 images, not \(1, 4\)"):
        FourDimensions(device="cpu").extract([image(6, 5)])


def test_weights_that_are_not_numbers_are_noticed(extractor):
    extractor._network.scale.data[0] = float("nan")
    with pytest.raises(InvalidInputError, match="NaN"):
        extractor.extract([image(6, 5)])


def test_folding_batch_norms_changes_no_embedding():
    extractor = load("mobilenet_v3_small", weights="random", device="cpu")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in extractor._network.modules())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = extractor.build().eval()
    pixels = extractor.prepare(image(40, 60))
    expected = normalised_by_hand(pixels, extractor.mean, extractor.std)
    with torch.inference_mode():
        [plain] = network(torch.from_numpy(expected[None]).float()).numpy()
    np.testing.assert_allclose(extractor.embed([pixels])[0], plain / np.linalg.norm(plain), atol=1e-5)


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "cpu:1", "meta"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(InvalidInputError, match=r"take auto or one of .*cpu"):
        resolve_device(name)


def test_auto_is_a_device_that_works():
    assert torch.zeros(1, device=resolve_device("auto")).item() == 0


def test_weights_by_path_come_from_the_file(extractor, tmp_path):
    from safetensors.torch import save_file

    save_file({"scale": torch.tensor([1.0, 0.0, 0.0])}, tmp_path / "weights.safetensors")
    torch.save({"scale": torch.tensor([1.0, 0.0, 0.0])}, tmp_path / "weights.pth")
    by_path = [MeanOfChannels(device="cpu", weights=tmp_path / f"weights.{kind}") for kind in ("safetensors", "pth")]
    assert by_path[0].fingerprint == by_path[1].fingerprint != extractor.fingerprint
    np.testing.assert_allclose(np.abs(by_path[0].extract([image(6, 5)])), [[1, 0, 0]])


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("absent.safetensors", None, WeightsMissingError, "no weights at .*absent.safetensors: put the file there"),
        ("damaged.safetensors", b"x" * 100, ExtractorUnavailableError, "cannot be read as weights"),
        ("damaged.pth", b"not a zip", ExtractorUnavailableError, "cannot be read as weights"),
        ("empty.pth", b"", ExtractorUnavailableError, "cannot be read as weights"),
        ("list.pth", [1, 2], ExtractorUnavailableError, "is not a state dict"),
        ("code.pth", Recorder(), ExtractorUnavailableError, "cannot be read as weights: Weights only load failed"),
        ("other.pth", {"size": torch.ones(3)}, ExtractorUnavailableError, "scale is missing; size is unexpected"),
        (
            "shape.pth",
            {"scale": torch.ones(4)},
            ExtractorUnavailableError,
            r"the weights in .*shape.pth are of another network: scale has shape \(4,\), not \(3,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path, name, content, error, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(error, match=message) as raised:
        MeanOfChannels(device="cpu", weights=path)
    assert "\n" not in str(raised.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_nearly_the_same_embeddings():
    images = [image(90, 70, seed) for seed in range(5)]
    here, there = (load("alexnet", weights="random", device=device) for device in ("cpu", "cuda"))
    assert here.fingerprint == there.fingerprint
    assert np.all(np.sum(here.extract(images) * there.extract(images), axis=1) > 0.999)
