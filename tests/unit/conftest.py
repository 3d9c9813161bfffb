"""An extractor and photos whose embeddings a person can work out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from util.image_extract.base import Extractor
from util.preprocess.recipe import Recipe
from util.records import Embeddings, unit_rows
from util.search.extraction import Extraction
from util.vector_store import open_store
from util.vector_store.base import VectorStore


class MeanColour(Extractor):
    """The embedding is the image's mean red, green and blue, scaled to length 1."""

    name = "mean_colour"
    dimension = 3
    batch_size = 4

    def __init__(self, recipe: str = "resize=4") -> None:
        self.recipe = Recipe.parse(recipe)
        self.embedded: list[int] = []  # sizes of the batches it was given

    @property
    def weights_digest(self) -> str:
        return ""

    def embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        self.embedded.append(len(prepared))
        means = np.array([image.reshape(-1, 3).mean(axis=0) for image in prepared], dtype=np.float32)
        return unit_rows(means.reshape(len(prepared), 3))


@pytest.fixture
def extractor() -> MeanColour:
    return MeanColour()


@pytest.fixture
def extraction(extractor: MeanColour) -> Extraction:
    return Extraction(extractor, batch_size=4, workers=2)


@pytest.fixture
def store(tmp_path: Path):
    with open_store(f"embedded:{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a photo of one colour and says where."""

    def write(name: str, colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write


def vectors_of(store: VectorStore, space: str) -> dict[str, list[float]]:
    return {
        id_: vector.tolist()
        for batch in store.iterate(space)
        for id_, vector in zip(batch.ids, batch.vectors, strict=True)
    }
