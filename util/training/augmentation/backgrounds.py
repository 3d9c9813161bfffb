"""New places for cut-outs: plain colours, gradients, textures and given photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np

from util.preprocess.framing import resize_area
from util.preprocess.pixels import Image


def draw_background(height: int, width: int, *, random: np.random.Generator, photos: Sequence[Image] = ()) -> Image:
    """Draws a background; each kind there is comes equally often.

    Args:
        height: in pixels.
        width: in pixels.
        random: where the draws come from.
        photos: uint8 H×W×3 of which random parts are used; without any, that kind is left out.

    Returns:
        uint8 height×width×3.
    """
    kind = random.integers(4 if photos else 3)
    if kind == 0:
        return np.full((height, width, 3), random.integers(256, size=3), dtype=np.uint8)
    if kind == 1:
        return _gradient(height, width, random)
    if kind == 2:
        return _texture(height, width, random)
    return _photo_part(height, width, random, photos[int(random.integers(len(photos)))])


def composite(rgba: Image, background: Image) -> Image:
    """A cut-out (uint8 H×W×4, alpha not multiplied in) on a background (uint8 H×W×3)."""
    alpha = cv2.merge([rgba[..., 3]] * 3)
    item = cv2.multiply(rgba[..., :3], alpha, scale=1 / 255)
    return cast(Image, cv2.add(item, cv2.multiply(background, 255 - alpha, scale=1 / 255)))


def _gradient(height: int, width: int, random: np.random.Generator) -> Image:
    """From one colour in each corner to the others."""
    corners = random.integers(256, size=(2, 2, 3), dtype=np.uint8)
    return cast(Image, cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR))


def _texture(height: int, width: int, random: np.random.Generator) -> Image:
    """Noise of one grain about a plain colour, from large blotches to fine grit, grey or coloured."""
    grain = int(random.integers(3, 65))
    channels = 1 if random.random() < 0.5 else 3
    blotches = random.normal(0, random.uniform(5, 50), size=(grain, grain, channels)).astype(np.float32)
    field = cv2.resize(blotches, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, channels)
    return cast(Image, np.clip(random.integers(256, size=3).astype(np.float32) + field, 0, 255).astype(np.uint8))


def _photo_part(height: int, width: int, random: np.random.Generator, photo: Image) -> Image:
    """A part of a photo of between 0.3 and 1 of its sides, at any place, stretched to the size."""
    limits = np.array(photo.shape[:2])
    sides = np.maximum(limits * random.uniform(0.3, 1), 1).astype(int)
    top, left = random.integers(0, limits - sides + 1)
    return resize_area(photo[top : top + sides[0], left : left + sides[1]], height=height, width=width)
