"""What docs/adding_an_extractor.md and models/README.md tell a newcomer to write works as written."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from util.image_extract import load
from util.image_extract.base import Extractor
from util.networks.card import ModelCard

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs/adding_an_extractor.md"
CODE = re.findall(r"`(\w+)\.py`:\n\n```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)


def photos() -> list[np.ndarray]:
    return [np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8) for seed in (1, 2)]


def test_the_guide_has_its_examples():
    assert [name for name, _ in CODE] == ["mean_colour", "tiny_network"]


def test_the_descriptor_of_the_guide_works(drop_in):
    drop_in(*CODE[0])
    extractor = load("mean_colour")
    assert isinstance(extractor, Extractor)
    embeddings = extractor.extract(photos())
    expected = np.append(extractor.prepare(photos()[0]).mean(axis=(0, 1)) / 255, 0.1)
    np.testing.assert_allclose(embeddings[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_the_network_of_the_guide_works(drop_in, tmp_path, monkeypatch):
    drop_in(*CODE[1])
    assert load("tiny_network", weights="random").extract(photos()).shape == (2, 8)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    network = load("tiny_network", weights="random").build()
    torch.save(network.state_dict(), "models/tiny_network.pth")
    extractor = load("tiny_network", device="cpu")
    pixels = extractor.prepare(photos()[0])
    with torch.inference_mode():
        [expected] = network(torch.from_numpy((pixels / 255 - 0.5) / 0.5).permute(2, 0, 1)[None].float()).numpy()
    np.testing.assert_allclose(extractor.embed([pixels])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_the_card_of_the_guide_is_one():
    [card] = re.findall(r"```json\n(.*?)```", (ROOT / "models/README.md").read_text(), flags=re.DOTALL)
    assert ModelCard.model_validate_json(card).dimension == 256


@pytest.mark.parametrize("field", ModelCard.model_fields)
def test_every_key_of_a_card_is_explained(field):
    assert f"`{field}`" in (ROOT / "models/README.md").read_text()
    assert f"        {field}: " in (ModelCard.__doc__ or "")
