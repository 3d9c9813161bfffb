"""The printed surfaces of an item: colour, relief, and where the telling detail is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from util.datasets.synthesis.colors import Color, linear, to_linear
from util.datasets.synthesis.damage import damage_panel
from util.datasets.synthesis.design import Item
from util.datasets.synthesis.labels import paint_front, paint_side


@dataclass(frozen=True, slots=True)
class Texture:
    """A flat picture to be put on a surface.

    Attributes:
        color: float32 (H, W, 4): linear RGB, and 1 where the detail is that tells the item from its family.
        slope: float32 (H, W, 2): how far the surface leans to the right and upwards, as tangents.
    """

    color: NDArray[np.float32]
    slope: NDArray[np.float32]


def front_texture(item: Item, width: int, height: int) -> Texture:
    """The front panel of an item, ``width`` × ``height`` pixels, with its damage."""
    panel, parts = paint_front(item.design, width, height)
    relief = np.zeros((height, width), np.float32)
    if item.design.damage is not None:
        panel, relief, box = damage_panel(panel, item.design.damage)
        parts["damage"] = [box]
    color = np.zeros((height, width, 4), np.float32)
    color[..., :3] = to_linear(panel)
    for part in item.detail & parts.keys():
        for left, top, right, bottom in parts[part]:
            rows, columns = _span(top, bottom, height), _span(left, right, width)
            color[rows, columns, 3] = 1
    return Texture(color, _slopes(relief))


def side_texture(item: Item, width: int, height: int, *, seed: int) -> Texture:
    """A side or back panel, ``width`` × ``height`` pixels; it holds no detail."""
    color = np.zeros((height, width, 4), np.float32)
    color[..., :3] = to_linear(paint_side(item.design, width, height, seed))
    return Texture(color, np.zeros((height, width, 2), np.float32))


def plain_texture(color: Color, width: int, height: int, *, detail: bool = False) -> Texture:
    """One colour all over."""
    plain = np.empty((height, width, 4), np.float32)
    plain[...] = [*linear(color), float(detail)]
    return Texture(plain, np.zeros((height, width, 2), np.float32))


def _span(start: float, end: float, pixels: int) -> slice:
    return slice(max(0, round(start * pixels)), max(0, round(end * pixels)))


def _slopes(relief: NDArray[np.float32]) -> NDArray[np.float32]:
    if not relief.any():
        return np.zeros((*relief.shape, 2), np.float32)
    width = relief.shape[1]
    right = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=width / 8)
    down = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=width / 8)
    return np.asarray(np.stack([right, -down], axis=-1), np.float32)
