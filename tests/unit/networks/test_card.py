"""Model cards: strict on reading, whole on writing."""

import json

import pytest

from util.errors import ExtractorUnavailableError
from util.networks.card import ModelCard, is_extractor_card, read_card, write_card

CARD = {
    "format": "nearid-extractor-1",
    "network": "mobilenet_v3_small",
    "head": "linear",
    "dimension": 128,
    "recipe": "square, resize=96",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}


def test_what_was_written_is_read_back(tmp_path):
    card = ModelCard(**CARD, seed=7, metrics={"val_recall@1": 0.5}, data="Grocery train", sha256="0" * 64)
    write_card(tmp_path / "net.json", card)
    assert read_card(tmp_path / "net.json") == card
    assert json.loads((tmp_path / "net.json").read_text())["metrics"] == {"val_recall@1": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimensions": 3}, "dimensions: Extra inputs are not permitted"),
        ({"dimension": 0}, "dimension: Input should be greater than or equal to 1"),
        ({"mean": [124, 117, 104]}, r"mean\.0: Input should be less than or equal to 1"),
        ({"std": [0, 1, 1]}, r"std\.0: Input should be greater than 0"),
        ({"mean": [0.5]}, "mean"),
        ({"head": "cosine"}, "head: Input should be 'none', 'linear' or 'mlp'"),
        ({"format": "nearid-extractor-9"}, "format: Input should be 'nearid-extractor-1'"),
        ({"sha256": "abc"}, "sha256"),
        ({"metrics": {"loss": float("nan")}}, "metrics.loss"),
    ],
)
def test_wrong_cards_are_refused_with_what_is_wrong(tmp_path, change, message):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(CARD | change))
    with pytest.raises(ExtractorUnavailableError, match=message) as raised:
        read_card(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("key", ["network", "dimension", "recipe", "mean", "std"])
def test_what_is_needed_to_run_must_be_there(tmp_path, key):
    (tmp_path / "net.json").write_text(json.dumps({name: value for name, value in CARD.items() if name != key}))
    with pytest.raises(ExtractorUnavailableError, match=f"{key}: Field required"):
        read_card(tmp_path / "net.json")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe"])
def test_what_is_not_a_card_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "net.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExtractorUnavailableError, match=r"net\.json"):
        read_card(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps(CARD), True),
        ('{"format": "nearid-extractor-9"}', True),
        ("{damaged", True),
        ('{"format": "nearid-verifier-1"}', False),
        ("{}", False),
        ("[1]", False),
    ],
)
def test_cards_of_other_things_are_not_extractors(tmp_path, content, expected):
    (tmp_path / "net.json").write_text(content)
    assert is_extractor_card(tmp_path / "net.json") is expected
