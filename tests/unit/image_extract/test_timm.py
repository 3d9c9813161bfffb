"""timm's weights through timm's own loader and cache, with weights made here."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from util.errors import UnknownExtractorError, WeightsMissingError
from util.image_extract import load


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of huggingface.co, and no way to it; writes a model's file as a download would leave it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for scheme in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # nobody listens on the discard port
    for unproxied in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(unproxied, raising=False)

    def cached(repository: str, state: dict[str, torch.Tensor]) -> None:
        folder = tmp_path / f"models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("0" * 40)
        (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
        save_file(state, folder / "snapshots" / ("0" * 40) / "model.safetensors")

    return cached


def test_weights_in_the_cache_are_what_timm_makes_of_them(hub, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    original = timm.create_model("test_resnet", pretrained=False).eval()
    hub("timm/test_resnet.r160_in1k", original.state_dict())
    extractor = load("timm:test_resnet", device="cpu")
    assert (extractor.name, str(extractor.recipe)) == ("timm:test_resnet", "square, resize=160")
    photo = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    config = original.pretrained_cfg
    batch = (torch.from_numpy(photo) / 255 - torch.tensor(config["mean"])) / torch.tensor(config["std"])
    with torch.inference_mode():
        features = original.forward_features(batch.permute(2, 0, 1)[None])
        [expected] = original.forward_head(features, pre_logits=True).numpy()
    np.testing.assert_allclose(extractor.extract([photo])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_without_a_network_the_message_says_which_file_to_fetch(hub):
    with pytest.raises(WeightsMissingError) as raised:
        load("timm:test_resnet")
    message = str(raised.value)
    assert "/timm/test_resnet.r160_in1k/resolve/main/model.safetensors" in message
    assert "models--timm--test_resnet.r160_in1k" in message
    assert "\n" not in message


def test_weights_by_path_may_be_the_file_of_timm(tmp_path):
    original = timm.create_model("test_resnet", pretrained=False)
    save_file(original.state_dict(), tmp_path / "model.safetensors")
    extractor = load("timm:test_resnet", weights=tmp_path / "model.safetensors")
    own = load("timm:test_resnet", weights="random")
    assert extractor.dimension == own.dimension
    assert extractor.fingerprint != own.fingerprint


def test_models_without_weights_say_so():
    bare = next(name for name in timm.list_models() if not timm.list_pretrained(f"{name}.*"))
    with pytest.raises(WeightsMissingError, match="timm has no pretrained weights"):
        load(f"timm:{bare}")


def test_unknown_models_are_refused_with_the_closest():
    with pytest.raises(UnknownExtractorError, match="close to it: .*resnet18"):
        load("timm:resnt18")
