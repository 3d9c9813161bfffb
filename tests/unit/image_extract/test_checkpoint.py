"""Checkpoints in a folder: weights and card, made here and loaded the real way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from util.errors import ExtractorUnavailableError, UnknownExtractorError, WeightsMissingError
from util.image_extract import available, describe, load
from util.networks.card import ModelCard, write_card
from util.networks.embedder import build_from_card
from util.networks.states import write_state

FIELDS = {
    "network": "mobilenet_v3_small",
    "head": "linear",
    "dimension": 8,
    "recipe": "square, resize=64",
    "mean": (0.4, 0.5, 0.6),
    "std": (0.2, 0.3, 0.4),
    "duplicate_score": 0.7,
}


def checkpoint(folder: Path, name: str = "bottles", *, seed: int = 0, **changes) -> ModelCard:
    """Writes a checkpoint with weights of a seed; its card holds the sha256 of the weights."""
    card = ModelCard(**FIELDS | changes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_from_card(card)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.1, 0.1)
    card = card.model_copy(update={"sha256": write_state(folder / f"{name}.safetensors", network)})
    write_card(folder / f"{name}.json", card)
    return card


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (70, 50, 3), dtype=np.uint8)


def info_of(name: str, folder: Path):
    return next(info for info in describe(folder) if info.name == name)


@pytest.mark.parametrize("head", ["linear", "none"])
@pytest.mark.parametrize("network", ["mobilenet_v3_small", "timm:test_resnet"])
def test_runs_as_its_card_says(tmp_path, head, network):
    from util.networks.states import fit_state, read_state
    from util.networks.trunks import build_trunk

    dimension = 8 if head == "linear" else build_trunk(network)[1]
    card = checkpoint(tmp_path, network=network, head=head, dimension=dimension)
    extractor = load("bottles", models_dir=tmp_path, device="cpu")
    assert (extractor.name, extractor.dimension, str(extractor.recipe)) == ("bottles", dimension, "square, resize=64")
    assert extractor.duplicate_score == 0.7

    plain = build_from_card(card).eval()
    fit_state(plain, read_state(tmp_path / "bottles.safetensors"), source="bottles")
    pixels = extractor.prepare(photo()).astype(np.float64) / 255
    batch = torch.from_numpy((pixels - card.mean) / card.std).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        [expected] = plain(batch).numpy()
    np.testing.assert_allclose(extractor.extract([photo()])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_the_file_of_a_bare_network_will_do_where_there_is_no_head(tmp_path):
    from util.networks.trunks import build_trunk

    trunk, width = build_trunk("timm:test_resnet")
    write_state(tmp_path / "bottles.safetensors", trunk)
    fields = FIELDS | {"network": "timm:test_resnet", "head": "none", "dimension": width}
    write_card(tmp_path / "bottles.json", ModelCard(**fields))
    assert load("bottles", models_dir=tmp_path).extract([photo()]).shape == (1, width)


def test_is_listed_and_described(tmp_path):
    checkpoint(tmp_path)
    assert "bottles" in available(tmp_path)
    info = info_of("bottles", tmp_path)
    assert (info.dimension, info.recipe, info.weights, info.error) == (8, "square, resize=64", "present", "")
    assert info.where == str(tmp_path / "bottles.safetensors")


def test_a_card_without_weights_says_where_to_put_them(tmp_path):
    checkpoint(tmp_path)
    (tmp_path / "bottles.safetensors").unlink()
    info = info_of("bottles", tmp_path)
    assert info.weights == "missing"
    assert str(tmp_path / "bottles.safetensors") in info.where
    with pytest.raises(WeightsMissingError, match="bottles.safetensors"):
        load("bottles", models_dir=tmp_path)


def test_weights_without_a_card_are_told_apart_from_nothing(tmp_path):
    checkpoint(tmp_path)
    (tmp_path / "bottles.json").unlink()
    assert "bottles" in available(tmp_path)
    assert "bottles.json" in info_of("bottles", tmp_path).error
    with pytest.raises(ExtractorUnavailableError, match=r"cannot read the model card .*bottles\.json"):
        load("bottles", models_dir=tmp_path)


def test_a_damaged_card_does_no_harm_to_others(tmp_path):
    checkpoint(tmp_path)
    checkpoint(tmp_path, "cartons")
    (tmp_path / "cartons.json").write_text("{")
    assert info_of("bottles", tmp_path).error == ""
    assert "is not the card of an extractor" in info_of("cartons", tmp_path).error
    assert load("bottles", models_dir=tmp_path).dimension == 8


def test_cards_of_other_things_are_left_alone(tmp_path):
    checkpoint(tmp_path)
    (tmp_path / "verifier.json").write_text('{"format": "nearid-verifier-1"}')
    (tmp_path / "verifier.safetensors").write_bytes(b"")
    assert "verifier" not in available(tmp_path)
    with pytest.raises(UnknownExtractorError):
        load("verifier", models_dir=tmp_path)


def test_weights_other_than_the_card_speaks_of_are_refused(tmp_path):
    card = checkpoint(tmp_path)
    checkpoint(tmp_path, seed=1)
    write_card(tmp_path / "bottles.json", card)
    with pytest.raises(ExtractorUnavailableError, match="another sha256"):
        load("bottles", models_dir=tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dimension": 9}, ExtractorUnavailableError, r"head.bias has shape \(8,\), not \(9,\)"),
        ({"network": "alexnet"}, ExtractorUnavailableError, "of another network"),
        ({"network": "alexandria"}, UnknownExtractorError, "no network is called 'alexandria'"),
        ({"head": "none"}, ExtractorUnavailableError, "without a head has 8 dimensions, it has 576"),
        ({"recipe": "resize=no"}, ValueError, "resize"),
    ],
)
def test_a_card_that_does_not_belong_to_its_weights_is_refused(tmp_path, changes, error, message):
    card = checkpoint(tmp_path)
    write_card(tmp_path / "bottles.json", card.model_copy(update=changes))
    with pytest.raises(error, match=message):
        load("bottles", models_dir=tmp_path)


def test_the_fingerprint_changes_with_the_card_and_the_weights(tmp_path):
    fingerprints = []
    for changes in ({}, {"seed": 1}, {"recipe": "resize=64"}, {"mean": (0.1, 0.1, 0.1)}):
        checkpoint(tmp_path, **changes)
        fingerprints.append(load("bottles", models_dir=tmp_path).fingerprint)
    checkpoint(tmp_path)
    assert load("bottles", models_dir=tmp_path).fingerprint == fingerprints[0]
    assert len(set(fingerprints)) == 4


def test_an_extractor_of_nearid_goes_before_a_checkpoint_of_its_name(tmp_path):
    checkpoint(tmp_path, "phash")
    assert available(tmp_path).count("phash") == 1
    assert load("phash", models_dir=tmp_path).dimension == 64
    assert "rename the checkpoint" in describe(tmp_path)[-2].error
