"""The trained pair head as a verifier, against the network run by hand."""

import shutil

import numpy as np
import pytest
import torch

from util.errors import InvalidInputError, UnknownVerifierError, WeightsMissingError
from util.image_extract import load
from util.networks.card import read_card
from util.networks.embedder import build_from_card
from util.networks.siamese import SAME
from util.networks.states import fit_state, read_state
from util.verification import available_verifiers, load_verifier


@pytest.fixture(scope="module")
def verifier(models):
    return load_verifier("pairs", models_dir=models, device="cpu")


def test_is_the_network_run_on_both_images(models, verifier, photos):
    queries, candidates = photos(2, seed=1), photos(3, seed=2)
    network = build_from_card(read_card(models / "pairs.json")).eval()
    fit_state(network, read_state(models / "pairs.safetensors"), source="pairs")
    extractor = load("pairs", models_dir=models, device="cpu")

    def tensor(image):
        pixels = (extractor.prepare(image).astype(np.float32) / 255 - 0.5) / 0.25
        return torch.from_numpy(pixels).permute(2, 0, 1)[None]

    with torch.inference_mode():
        expected = [[network(tensor(q), tensor(c)).softmax(1)[0, SAME].item() for c in candidates] for q in queries]
    found = verifier.probabilities(queries, candidates)
    assert (found.dtype, found.shape) == (np.float32, (2, 3))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_image_and_itself_are_not_an_image_and_another(verifier, photos):
    first, second = photos(2)
    [[itself, other]] = verifier.probabilities([first], [first, second])
    assert abs(itself - other) > 1e-3


def test_the_order_of_two_images_changes_nothing(verifier, photos):
    images = photos(4)
    found = verifier.probabilities(images, images)
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.all((found >= 0) & (found <= 1))


def test_the_answer_for_a_pair_does_not_depend_on_the_others(verifier, photos):
    queries, candidates = photos(2, seed=1), photos(3, seed=2)
    whole = verifier.probabilities(queries, candidates)
    alone = [[verifier.probabilities([q], [c])[0, 0] for c in candidates] for q in queries]
    np.testing.assert_allclose(whole, alone, atol=1e-5)


@pytest.mark.parametrize(("queries", "candidates"), [(0, 2), (2, 0), (0, 0)])
def test_nothing_to_compare(verifier, photos, queries, candidates):
    assert verifier.probabilities(photos(queries), photos(candidates)).shape == (queries, candidates)


def test_every_image_is_embedded_once(verifier, photos, monkeypatch):
    embedded = []
    embed = verifier.extractor.embed
    monkeypatch.setattr(verifier.extractor, "embed", lambda images: embedded.append(len(images)) or embed(images))
    verifier.probabilities(photos(2), photos(3))
    assert embedded == [5]


def test_names_and_thresholds(models):
    assert available_verifiers(models) == ["more_pairs", "pairs"]
    assert available_verifiers(models / "not there") == []
    assert load_verifier("more_pairs", models_dir=models, device="cpu").threshold == 0.5
    assert load_verifier("pairs", models_dir=models, device="cpu", threshold=0.9).threshold == 0.9


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("paris", {}, UnknownVerifierError, "no trained network is called 'paris'; the verifiers in .* more_pairs, pa"),
        ("plain", {}, UnknownVerifierError, "its network, siamese_cnn, embeds images and compares no pairs; .*pairs"),
        ("broken", {}, UnknownVerifierError, "no trained network is called 'broken'"),
        ("pairs", {"threshold": 1.5}, InvalidInputError, r"a probability in \[0, 1\], not 1.5"),
        ("pairs", {"threshold": float("nan")}, InvalidInputError, "not nan"),
    ],
)
def test_what_cannot_be_loaded(models, name, options, error, message):
    with pytest.raises(error, match=message):
        load_verifier(name, models_dir=models, device="cpu", **options)


def test_a_folder_without_verifiers_says_how_to_get_one(tmp_path):
    with pytest.raises(UnknownVerifierError, match="train one .nearid train siamese_alexnet or siamese_vgg16"):
        load_verifier("pairs", models_dir=tmp_path)


def test_a_card_without_weights(models, tmp_path):
    shutil.copy(models / "pairs.json", tmp_path)
    with pytest.raises(WeightsMissingError):
        load_verifier("pairs", models_dir=tmp_path, device="cpu")


def test_a_checkpoint_is_a_verifier_even_under_the_name_of_a_built_in_extractor(save_network, photos):
    folder = save_network("alexnet", options={"hidden": 8, "grid": 1})
    assert load_verifier("alexnet", models_dir=folder, device="cpu").extractor.card.network == "siamese_alexnet"
