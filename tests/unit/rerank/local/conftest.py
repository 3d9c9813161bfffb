"""Printed labels that can be photographed from anywhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from util.errors import ImageError
from util.images import content_hash
from util.rerank.base import Picture

WORDS = ("CALDER", "oat drink", "CACAO", "1 litre", "organic")


def draw_label(words: tuple[str, ...] = WORDS, *, side: int = 300, seed: int = 0) -> np.ndarray:
    """A label with five lines of print and a few ornaments; where a word stands depends on its number alone."""
    image = np.full((side, side, 3), 245, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(12):
        centre = tuple(int(x) for x in rng.integers(10, side - 10, 2))
        color = tuple(int(x) for x in rng.integers(60, 230, 3))
        cv2.circle(image, centre, int(rng.integers(3, 14)), color, -1, cv2.LINE_AA)
    for number, word in enumerate(words):
        place = (20, 50 + number * 52)
        cv2.putText(image, word, place, cv2.FONT_HERSHEY_DUPLEX, 1.2, (40, 20 * number, 120), 2, cv2.LINE_AA)
    return image


@pytest.fixture(scope="session")
def label() -> Callable[..., np.ndarray]:
    return draw_label


@pytest.fixture(scope="session")
def tilt() -> np.ndarray:
    """A homography as a hand-held camera makes it: turned by 8°, a little smaller, seen from the side."""
    turn = np.deg2rad(8)
    matrix = np.array(
        [[0.9 * np.cos(turn), -0.9 * np.sin(turn), 45], [0.9 * np.sin(turn), 0.9 * np.cos(turn), 5], [2e-4, 1e-4, 1]]
    )
    return matrix / matrix[2, 2]


@pytest.fixture(scope="session")
def photograph() -> Callable[..., np.ndarray]:
    """A label seen through a homography, in other light: a gradient of brightness and a colour cast."""

    def take(image: np.ndarray, matrix: np.ndarray, *, side: int = 340) -> np.ndarray:
        seen = cv2.warpPerspective(image, matrix, (side, side), borderValue=(90, 120, 110))
        light = np.linspace(0.6, 1.1, side)[None, :, None] * np.array([1.0, 0.95, 0.85])
        return np.clip(seen * light, 0, 255).astype(np.uint8)

    return take


@dataclass
class PhotosInMemory:
    """Photos for re-rankers; ``None`` is one that cannot be read. Counts what is decoded."""

    asked: list
    hits: Mapping[str, np.ndarray | None]
    decoded: list[str] = field(default_factory=list)

    def query(self, number: int) -> Picture:
        return self._picture(f"query {number}", self.asked[number])

    def hit(self, id_: str) -> Picture:
        return self._picture(id_, self.hits[id_])

    def _picture(self, name: str, image: np.ndarray | None) -> Picture:
        if image is None:
            raise ImageError(name, "is gone")

        def read() -> np.ndarray:
            self.decoded.append(name)
            return image

        return Picture(name, content_hash(repr(image.shape).encode() + image.tobytes()), read)


@pytest.fixture(scope="session")
def photos() -> type[PhotosInMemory]:
    return PhotosInMemory
