"""An extractor and photos whose embeddings a person can work out.

Everything is imported where it is used, so that a test of one module does not depend on all the others.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mean_colour() -> type:
    """An extractor class: the embedding is the image's mean red, green and blue, scaled to length 1."""
    import numpy as np

    from util.image_extract.base import Extractor
    from util.preprocess.recipe import Recipe
    from util.records import unit_rows

    class MeanColour(Extractor):
        name = "mean_colour"
        dimension = 3
        batch_size = 4

        def __init__(self, recipe: str = "resize=4") -> None:
            self.recipe = Recipe.parse(recipe)
            self.embedded: list[int] = []  # sizes of the batches it was given

        @property
        def weights_digest(self) -> str:
            return ""

        def embed(self, prepared: Sequence):
            self.embedded.append(len(prepared))
            means = np.array([image.reshape(-1, 3).mean(axis=0) for image in prepared], dtype=np.float32)
            return unit_rows(means.reshape(len(prepared), 3))

    return MeanColour


@pytest.fixture
def extraction(mean_colour):
    from util.search.extraction import Extraction

    return Extraction(mean_colour(), batch_size=4, workers=2)


@pytest.fixture
def store(tmp_path: Path):
    from util.vector_store import open_store

    with open_store(f"embedded:{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a photo of one colour and says where."""
    from PIL import Image

    def write(name: str, colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write
