"""Siamese networks with random weights in a folder of models, written and loaded the real way."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def photos():
    """Makes photos of different sizes, each of its own random blobs."""
    import numpy as np
    from PIL import Image

    def make(count: int, seed: int = 0) -> list:
        random = np.random.default_rng(seed)
        blobs = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        return [
            np.asarray(Image.fromarray(pixels).resize((70 + 3 * number, 66), Image.Resampling.BICUBIC))
            for number, pixels in enumerate(blobs)
        ]

    return make


def write_network(folder: Path, name: str, network: str = "siamese_alexnet", **fields) -> None:
    """Writes ``NAME.safetensors`` and ``NAME.json`` of a network with random weights."""
    import torch

    from util.networks.card import ModelCard, write_card
    from util.networks.embedder import build_from_card
    from util.networks.states import write_state

    given = {"dimension": 16, "recipe": "square, resize=64", "mean": (0.5,) * 3, "std": (0.25,) * 3} | fields
    card = ModelCard(network=network, **given)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        built = build_from_card(card)
    card = card.model_copy(update={"sha256": write_state(folder / f"{name}.safetensors", built)})
    write_card(folder / f"{name}.json", card)


@pytest.fixture
def save_network(tmp_path: Path) -> Callable[..., Path]:
    """Writes a network into a folder of models, and says which."""

    def save(name: str, **fields) -> Path:
        write_network(tmp_path, name, **fields)
        return tmp_path

    return save


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder with two verifiers, an extractor that is none, and a file that is no card; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("models")
    write_network(folder, "pairs", options={"hidden": 8, "grid": 1})
    write_network(folder, "more_pairs", options={"hidden": 4, "grid": 1})
    write_network(folder, "plain", "siamese_cnn")
    (folder / "broken.json").write_text("{")
    return folder
