"""Things that come between camera and object: fingers, a price tag, another pack, leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from util.datasets.synthesis.colors import Light, hls, linear, to_linear
from util.datasets.synthesis.rasters import Map, blur, warp
from util.datasets.synthesis.typography import draw_text

_SKINS = ((24, 0.74, 0.5), (22, 0.62, 0.45), (20, 0.45, 0.42), (18, 0.3, 0.4))
_NAIL = np.array([0.75, 0.5, 0.45], np.float32)
Frame = tuple[float, float, float, float]
"""Left, top, right, bottom of the object in the picture, in pixels."""

Layer = tuple[Light, Map]
"""Linear light (H, W, 3), not premultiplied, and cover (H, W) in [0, 1]."""


def draw_occluder(kind: str, rng: Generator, size: int, frame: Frame) -> Layer:
    """Something in front of an object.

    Args:
        kind: one of :data:`OCCLUDERS`.
        rng: source of its place and looks.
        size: width and height of the picture.
        frame: where the object is; the occluder hides a smaller part of it.

    Returns:
        the light of the occluder and what it covers.
    """
    return _DRAWINGS[kind](rng, size, frame)


def _fingers(rng: Generator, size: int, frame: Frame) -> Layer:
    """Two to four fingers around one side of the object."""
    left, top, right, bottom = frame
    width, height = right - left, bottom - top
    side = 1 if rng.random() < 0.5 else -1
    edge = right if side > 0 else left
    radius = float(np.clip(0.05 * size, 0.035 * height, 0.12 * width))
    count = int(rng.integers(2, 5))
    first = top + 0.3 * height + rng.random() * max(0.7 * height - 2.1 * radius * count, 0)
    light, cover = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    skin = linear(hls(*_SKINS[rng.integers(len(_SKINS))]))
    slant = rng.uniform(-0.25, 0.25)
    for finger in range(count):
        reach = width * rng.uniform(0.1, 0.28)
        y = first + 2.05 * radius * finger
        tip = np.array([edge - side * reach, y])
        root = np.array([edge + side * size, y + slant * size + rng.uniform(-0.5, 0.5) * radius])
        _add_finger(light, cover, (tip, root), radius * rng.uniform(0.9, 1.08), skin)
    return light, cover


def _add_finger(
    light: Light, cover: Map, ends: tuple[NDArray[np.float64], NDArray[np.float64]], radius: float, skin: Map
) -> None:
    """A rounded finger with a nail, lit from above, over what is there."""
    tip, root = ends
    size = cover.shape[0]
    top, bottom = np.clip(
        np.array([min(tip[1], root[1]) - radius - 2, max(tip[1], root[1]) + radius + 2]), 0, size
    ).astype(int)
    left, right = (
        (max(0, int(tip[0] - radius - 2)), size) if root[0] > tip[0] else (0, min(size, int(tip[0] + radius + 2)))
    )
    window = np.s_[top:bottom, left:right]
    y, x = (axis.astype(np.float32) for axis in np.ogrid[top:bottom, left:right])
    along = ((root - tip) / np.linalg.norm(root - tip)).astype(np.float32)
    unit = np.float32(1 / radius)
    reach = ((x - np.float32(tip[0])) * along[0] + (y - np.float32(tip[1])) * along[1]) * unit
    off = ((y - np.float32(tip[1])) * along[0] - (x - np.float32(tip[0])) * along[1]) * unit
    before = np.minimum(reach, 0)
    square = before * before + off * off
    mask = np.clip((1 - np.sqrt(square)) * np.float32(radius) + np.float32(0.5), 0, 1)[..., None]
    tone = (
        np.float32(0.5)
        + np.float32(0.42) * np.sqrt(np.clip(1 - square, 0, 1))
        - np.float32(0.2) * off * np.sign(along[0])
    )
    tone *= 1 - np.float32(0.16) * np.exp(-np.square((reach - np.float32(2.6)) / np.float32(0.18)))
    color = tone[..., None] * skin
    nail = np.square((reach - np.float32(0.05)) / np.float32(0.62)) + np.square(off / np.float32(0.5))
    color += np.clip((1 - nail) * 3, 0, np.float32(0.5))[..., None] * (_NAIL - color)
    light[window] += mask * (color - light[window])
    np.maximum(cover[window], mask[..., 0], out=cover[window])


@cache
def _tag_print(text: str, note: str, hue: int) -> Light:
    """The face of a price tag, 150 × 260 pixels, linear."""
    image = Image.new("RGB", (520, 300), hls(hue, 0.93 if hue < 0 else 0.55, 0.95))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 519, 299), outline=(60, 60, 60), width=5)
    draw_text(draw, note, (25, 22, 330, 72), style="plain", color=(40, 40, 40), align=0)
    draw_text(draw, text, (25, 95, 330, 270), style="sans", color=(20, 20, 20), align=0)
    for bar in range(14):
        left = 365 + bar * 9
        draw.rectangle((left, 60, left + 3 + 3 * ((bar * 7) % 3 == 0), 250), fill=(20, 20, 20))
    return to_linear(np.asarray(image.resize((260, 150), Image.Resampling.BOX)))


def _price_tag(rng: Generator, size: int, frame: Frame) -> Layer:
    """A tag on the edge of the shelf, in front of the foot of the object."""
    left, _, right, bottom = frame
    price = f"{int(rng.integers(1, 9))}.{int(rng.choice([29, 49, 79, 95, 99]))}"
    face = _tag_print(
        price, str(rng.choice(["per piece", "price", "offer", "1 liter"])), int(rng.choice([50, 50, 210]))
    )
    scale = size * rng.uniform(0.24, 0.34) / face.shape[1]
    middle = np.array([rng.uniform(left, right), bottom + rng.uniform(-0.05, 0.03) * size])
    turn = np.radians(rng.uniform(-7, 7))
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    place = np.eye(3)
    place[:2, :2], place[:2, 2] = matrix, middle - matrix @ [face.shape[1] / 2, face.shape[0] / 2]
    layer = np.concatenate([face, np.ones((*face.shape[:2], 1), np.float32)], axis=-1)
    laid = warp(layer, place, (size, size))
    return np.asarray(laid[..., :3] / np.maximum(laid[..., 3:], 1e-3), np.float32), laid[..., 3]


def _other_pack(rng: Generator, size: int, frame: Frame) -> Layer:
    """The blurred side of a pack that stands closer to the camera."""
    left, top, right, bottom = frame
    width = right - left
    hue = rng.uniform(0, 360)
    light = np.empty((size, size, 3), np.float32)
    light[:] = linear(hls(hue, rng.uniform(0.35, 0.8), rng.uniform(0.1, 0.5)))
    for _ in range(3):
        start = int(rng.uniform(top, bottom))
        light[start : start + int(0.08 * size)] = linear(hls(hue + 150, rng.uniform(0.3, 0.9), 0.3))
    reach = width * rng.uniform(0.08, 0.26)
    x = np.arange(size, dtype=np.float32)
    lean = (np.arange(size, dtype=np.float32)[:, None] - size / 2) * np.float32(rng.uniform(-0.05, 0.05))
    soft = np.float32(size * rng.uniform(0.006, 0.02))
    from_left = rng.random() < 0.5
    inside = (left + reach - x) if from_left else (x - (right - reach))
    upper = np.arange(size, dtype=np.float32)[:, None] - np.float32(top + (bottom - top) * rng.uniform(-0.1, 0.45))
    cover = np.clip((inside + lean) / soft + 0.5, 0, 1) * np.clip(upper / soft + 0.5, 0, 1)
    light *= (np.float32(0.75) + np.float32(0.25) * np.clip(inside / (0.2 * size), 0, 1))[..., None]
    return blur(light, float(soft)), cover.astype(np.float32)


def _leaves(rng: Generator, size: int, frame: Frame) -> Layer:
    """Leaves of a plant near the camera, out of focus."""
    left, top, right, bottom = frame
    light, cover = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.uint8)
    stem = np.array([left if rng.random() < 0.5 else right, rng.uniform(top, top + 0.5 * (bottom - top))])
    green = linear(hls(rng.uniform(85, 140), rng.uniform(0.2, 0.4), 0.5))
    light[:] = (
        green * (1 + np.float32(0.5) * np.sin(np.arange(size, dtype=np.float32) * np.float32(0.13)))[:, None, None]
    )
    for _ in range(int(rng.integers(2, 5))):
        middle = np.rint(stem + rng.normal(0, 0.11, 2) * size).astype(int)
        axes = np.rint(size * rng.uniform((0.1, 0.035), (0.19, 0.06))).astype(int)
        cv2.ellipse(cover, middle.tolist(), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    return light, blur(cover.astype(np.float32) / np.float32(255), size * rng.uniform(0.003, 0.008))


_DRAWINGS: dict[str, Callable[[Generator, int, Frame], Layer]] = {
    "fingers": _fingers,
    "price tag": _price_tag,
    "pack": _other_pack,
    "leaves": _leaves,
}
OCCLUDERS: tuple[str, ...] = tuple(_DRAWINGS)
