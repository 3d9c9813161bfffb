"""Train a verifier, then identify with it: the commands one after the other, as a person would give them."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def models(catalogue, tmp_path_factory) -> Path:
    """A Siamese network trained for a moment: real weights, a real card."""
    import os

    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    from util.training.configuration import configure
    from util.training.running import Surroundings, train

    folder = tmp_path_factory.mktemp("trained")
    settings = {
        "network": "siamese_alexnet", "name": "pairs", "train": str(catalogue / "gallery"), "epochs": 1,
        "batch_size": 16, "recipe": "square, resize=64", "dimension": 32, "options": {"grid": 1, "hidden": 16},
        "augmentation": "none", "average": 0.0, "workers": 0, "accelerator": "cpu", "precision": "32",
    }  # fmt: skip
    (folder / "models").mkdir()
    train(configure(settings), surroundings=Surroundings(runs_dir=folder / "runs", models_dir=folder / "models"))
    return folder / "models"


@pytest.fixture
def identify(nearid, catalogue, models, monkeypatch):
    """Runs ``nearid identify`` on a photo of ``item2``, with JSON out; the gallery is indexed."""
    monkeypatch.setenv("NEARID_MODELS_DIR", str(models))
    assert nearid("index", catalogue / "gallery", "--json")[0] == 0
    query = catalogue / "queries" / "item2" / "4.jpg"

    def run(*words: object) -> dict:
        status, out, err = nearid("identify", query, "--threshold", 0.5, *words, "--json")
        assert status == 0, err
        [decision] = json.loads(out)["decisions"]
        return decision

    return run


def test_a_verifier_has_its_say(identify):
    alone = identify()
    assert (alone["decision"], alone["item"], alone["evidence"]["verification"]) == ("known", "item2", [])

    accepted = identify("--verifier", "pairs", "--verify-threshold", 0)
    said = accepted["evidence"]["verification"]
    assert accepted["decision"] == "known"
    assert accepted["item"] == max(said, key=lambda one: one["probability"])["item"]
    assert all(0 <= one["probability"] <= 1 and one["accepted"] and one["problem"] == "" for one in said)
    assert len({one["item"] for one in said}) == len(said) > 1

    rejected = identify("--verifier", "pairs", "--verify-threshold", 1)
    assert (rejected["decision"], rejected["item"]) == ("unsure", "item2")
    assert not any(one["accepted"] for one in rejected["evidence"]["verification"])
    assert "the verifier rejects it" in rejected["evidence"]["reason"]


def test_a_person_reads_what_it_says(identify, nearid, catalogue):
    query = catalogue / "queries" / "item2" / "4.jpg"
    words = ("identify", query, "--threshold", 0.5, "--verifier", "pairs", "--verify-threshold", 1)
    status, out, _ = nearid(*words)
    assert status == 0
    assert "verifier rejects item2 (0." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--verifier", "paris"), "no trained network is called 'paris'; the verifiers in"),
        (("--verify-threshold", 0.5), "name one with --verifier"),
        (("--verifier", "pairs", "--verify-threshold", 7), "a probability in [0, 1], not 7"),
    ],
)
def test_what_is_refused(identify, nearid, catalogue, words, message):
    status, out, err = nearid("identify", catalogue / "queries" / "item2" / "4.jpg", *words)
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
