"""torchvision's weights through torchvision's own cache and loader, with weights made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from util.errors import ExtractorUnavailableError, WeightsMissingError
from util.image_extract import describe, load
from util.networks.trunks import TRUNKS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub, and no way to the internet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_HUB", raising=False)
    for scheme in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # nobody listens on the discard port
    for unproxied in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(unproxied, raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def with_lively_statistics(network: nn.Module) -> nn.Module:
    """Batch norms that do something, as trained ones do."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def status(name: str):
    return next(info for info in describe(Path("no such folder")) if info.name == name)


@pytest.mark.parametrize("name", TRUNKS)
def test_the_table_names_torchvisions_own_files(name):
    trunk = TRUNKS[name]
    assert torchvision.models.get_weight(trunk.weights).url == trunk.url


@pytest.mark.parametrize("name", TRUNKS)
def test_the_numbers_the_input_is_normalised_by_are_torchvisions(name):
    from util.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD

    wanted = torchvision.models.get_weight(TRUNKS[name].weights).transforms()
    assert (tuple(wanted.mean), tuple(wanted.std)) == (IMAGENET_MEAN, IMAGENET_STD)


def test_alexnet_is_the_maximum_of_torchvisions_maps(cache):
    original = torchvision.models.alexnet(weights=None).eval()
    torch.save(original.state_dict(), cache / TRUNKS["alexnet"].file)
    extractor = load("alexnet", device="cpu")
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    batch = torchvision.transforms.functional.normalize(
        torch.from_numpy(photo).permute(2, 0, 1)[None] / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    with torch.inference_mode():
        expected = original.features(batch).amax(dim=(2, 3))[0].numpy()
    np.testing.assert_allclose(extractor.extract([photo])[0], expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_b0", "mobilenet_v3_small"])
def test_means_of_maps_are_what_torchvision_classifies_from(cache, name):
    original = with_lively_statistics(torchvision.models.get_model(name, weights=None))
    torch.save(original.state_dict(), cache / TRUNKS[name].file)
    extractor = load(name, device="cpu")
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    transform = torchvision.models.get_weight(TRUNKS[name].weights).transforms(crop_size=224, resize_size=224)
    classifier = original.fc if name == "resnet50" else original.classifier
    seen = []
    classifier.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        original(transform(torch.from_numpy(photo).permute(2, 0, 1))[None])
    expected = seen[0][0].numpy()
    np.testing.assert_allclose(extractor.extract([photo])[0], expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.slow
def test_vit_is_the_class_token(cache):
    original = torchvision.models.vit_b_16(weights=None).eval()
    torch.save(original.state_dict(), cache / TRUNKS["vit_b_16"].file)
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    transform = torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1.transforms(crop_size=224, resize_size=224)
    seen = []
    original.heads.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        original(transform(torch.from_numpy(photo).permute(2, 0, 1))[None])
    expected = seen[0][0].numpy()
    embedding = load("vit_b_16", device="cpu").extract([photo])[0]
    np.testing.assert_allclose(embedding, expected / np.linalg.norm(expected), atol=1e-5)


def test_weights_in_the_cache_are_present(cache):
    assert status("mobilenet_v3_small").weights == "downloaded on first use"
    assert "https://download.pytorch.org/models/mobilenet_v3_small-" in status("mobilenet_v3_small").where
    (cache / TRUNKS["mobilenet_v3_small"].file).touch()
    assert status("mobilenet_v3_small").weights == "present"
    assert status("mobilenet_v3_small").where == str(cache / TRUNKS["mobilenet_v3_small"].file)


def test_without_a_network_the_message_says_which_file_to_put_where(cache, capsys):
    with pytest.raises(WeightsMissingError) as raised:
        load("alexnet")
    message = str(raised.value)
    assert f"put {TRUNKS['alexnet'].url} at {cache / TRUNKS['alexnet'].file}" in message
    assert "\n" not in message
    assert capsys.readouterr().out == ""  # standard output belongs to --json


@pytest.mark.parametrize(
    "content", [b"", b"half a download", b"PK\x03\x04 half an archive"], ids=["empty", "text", "archive"]
)
def test_a_damaged_file_in_the_cache_is_named(cache, content):
    path = cache / TRUNKS["alexnet"].file
    path.write_bytes(content)
    with pytest.raises(ExtractorUnavailableError, match="are damaged .*delete the file") as raised:
        load("alexnet")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_of_another_network_in_the_cache_are_refused(cache):
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), cache / TRUNKS["alexnet"].file)
    with pytest.raises(ExtractorUnavailableError, match=r"of another network: .*features\.0\."):
        load("alexnet")


def test_weights_by_path_may_hold_the_classifier_or_not(tmp_path):
    original = with_lively_statistics(torchvision.models.mobilenet_v3_small(weights=None))
    state = original.state_dict()
    torch.save(state, tmp_path / "whole.pth")
    torch.save({name: value for name, value in state.items() if name.startswith("features")}, tmp_path / "trunk.pth")
    whole, trunk = (load("mobilenet_v3_small", weights=tmp_path / f"{kind}.pth") for kind in ("whole", "trunk"))
    assert whole.fingerprint == trunk.fingerprint
    image = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(whole.extract([image]), trunk.extract([image]))
