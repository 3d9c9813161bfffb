"""Identify with a trained verifier, as a person or a program would call it."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def models(catalogue, tmp_path_factory) -> Path:
    """A small Siamese network that has taken a few steps on pairs of the gallery, with its card."""
    import torch
    from torch.nn.functional import cross_entropy

    from util.images import read_image
    from util.networks.card import ModelCard, write_card
    from util.networks.embedder import build_from_card
    from util.networks.states import write_state
    from util.preprocess.recipe import Recipe

    torch.manual_seed(0)
    options = {"grid": 1, "hidden": 16, "dropout": 0.0}
    card = ModelCard(
        network="siamese_alexnet", dimension=32, recipe="square, resize=64", mean=(0.5,) * 3, std=(0.25,) * 3,
        options=options,
    )  # fmt: skip
    photos = sorted((catalogue / "gallery").rglob("*.jpg"))[:12]  # three items
    pixels = torch.stack([torch.from_numpy(Recipe.parse(card.recipe).apply(read_image(path))) for path in photos])
    images = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    items = [path.parent.name for path in photos]
    different = torch.tensor([[int(a != b) for b in items] for a in items])
    network = build_from_card(card)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(4):
        embeddings = network(images)
        logits = network.pair_logits(embeddings[:, None], embeddings[None])
        optimizer.zero_grad()
        cross_entropy(logits.flatten(0, 1), different.flatten()).backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("models")
    card = card.model_copy(update={"sha256": write_state(folder / "pairs.safetensors", network)})
    write_card(folder / "pairs.json", card)
    return folder


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
