"""What stands behind and below an object: tables of wood, stone and cloth, a paper sweep, shelves with other goods."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from util.datasets.synthesis.colors import Light, hls, linear
from util.datasets.synthesis.rasters import Homography, Map, blur, enlarge, homography, scaled, warp, with_channels

_WOODS = ((28, 0.36, 0.42), (24, 0.24, 0.4), (34, 0.55, 0.38), (20, 0.16, 0.35), (38, 0.72, 0.3))
_CLOTHS = ((215, 0.4, 0.3), (0, 0.42, 0.35), (140, 0.35, 0.2), (40, 0.82, 0.25), (0, 0.3, 0.0), (260, 0.45, 0.2))


def noise(rng: Generator, height: int, width: int, cells: tuple[int, int], octaves: int = 3) -> Map:
    """Smooth random values about 0, in (-1, 1): grids of random numbers, each twice as fine and half as strong.

    Args:
        rng: source of the numbers.
        height: of the result.
        width: of the result.
        cells: rows and columns of the coarsest grid.
        octaves: how many grids.

    Returns:
        float32 (height, width).
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        grid = rng.random((cells[0] * 2**octave + 1, cells[1] * 2**octave + 1), np.float32) - np.float32(0.5)
        total += enlarge(grid, (width, height)) * np.float32(0.5**octave)
    return total


def _tinted(color: Map, strength: Map) -> Light:
    positive = np.maximum(strength, 0)
    return with_channels([positive * channel for channel in color])


def wood(rng: Generator, size: int) -> Light:
    """Planks with grain along x."""
    hue, lightness, saturation = _WOODS[rng.integers(len(_WOODS))]
    color = linear(hls(hue + rng.uniform(-4, 4), lightness, saturation))
    grain = noise(rng, size, size, (40, 2)) * np.float32(0.5) + noise(rng, size, size, (9, 1), 2) * np.float32(0.5)
    warp = noise(rng, size, size, (3, 2), 2) * np.float32(0.35)
    rows = np.arange(size, dtype=np.float32)[:, None] / size
    rings = np.sin((rows + warp) * np.float32(rng.uniform(40, 90))) * np.float32(0.1)
    strength = 1 + np.float32(0.55) * grain + rings
    planks = int(rng.integers(3, 6))
    tone = rng.uniform(0.8, 1.15, planks + 1).astype(np.float32)
    position = rows * planks + np.float32(rng.random())
    strength *= tone[position.astype(int)]
    strength *= 1 - np.float32(0.65) * (np.abs(position % 1 - 0.5) > 0.488)
    return _tinted(color, strength)


def cloth(rng: Generator, size: int) -> Light:
    """Woven cloth, plain or checked, with folds."""
    hue, lightness, saturation = _CLOTHS[rng.integers(len(_CLOTHS))]
    color = linear(hls(hue, lightness, saturation))
    place = np.arange(size, dtype=np.float32)
    weave = np.sin(place * np.float32(2.1))[:, None] * np.sin(place * np.float32(2.1))
    folds = noise(rng, size, size, (3, 4), 2)
    light = _tinted(color, 1 + np.float32(0.1) * weave + np.float32(0.45) * folds)
    if rng.random() < 0.5:
        checks = size / rng.integers(6, 14)
        bands = (place % checks < checks / 2).astype(np.float32)
        amount = (bands[:, None] + bands)[..., None] * np.float32(0.4)
        light += amount * (np.float32(0.8) * (1 + np.float32(0.3) * folds[..., None]) - light)
    return light


def stone(rng: Generator, size: int) -> Light:
    """Speckled or veined stone."""
    base = hls(rng.uniform(20, 240), rng.uniform(0.35, 0.85), rng.uniform(0.0, 0.12))
    strength = 1 + np.float32(0.35) * noise(rng, size, size, (4, 4), 5)
    veins = np.abs(noise(rng, size, size, (3, 4), 4))
    strength *= 1 - np.float32(0.3) * np.exp(-veins * 18)
    return _tinted(linear(base), strength)


def tiles(rng: Generator, size: int) -> Light:
    """Square tiles with joints."""
    base = hls(rng.uniform(0, 360), rng.uniform(0.5, 0.9), rng.uniform(0.02, 0.3))
    pitch = size / rng.integers(4, 8)
    place = np.arange(size, dtype=np.float32) % pitch / pitch
    joint = np.float32(1) - np.float32(0.45) * ((place < 0.05)[:, None] | (place < 0.05))
    return _tinted(linear(base), joint * (1 + np.float32(0.25) * noise(rng, size, size, (6, 6), 2)))


def paper(rng: Generator, size: int) -> Light:
    """Plain paper or paint."""
    base = hls(rng.uniform(0, 360), rng.uniform(0.45, 0.93), rng.uniform(0.0, 0.35))
    return _tinted(linear(base), 1 + np.float32(0.08) * noise(rng, size, size, (3, 3), 2))


Texture = Callable[[Generator, int], Light]
TABLES: dict[str, Texture] = {"wood": wood, "cloth": cloth, "stone": stone, "tiles": tiles, "paper": paper}
_WALLS: tuple[Texture, ...] = (paper, paper, stone, wood, tiles)


def make_background(
    rng: Generator, kind: str, size: int, *, horizon: float, clutter: float, camera: Homography
) -> Light:
    """A table with a wall behind it, or with other goods out of focus.

    Args:
        rng: source of everything drawn.
        kind: what the table is made of, one of :data:`TABLES`.
        size: width and height of the picture.
        horizon: where the table ends, as a share of the height from the top.
        clutter: chance in [0, 1] that goods stand behind.
        camera: homography from the scene to the picture, both in pixels.

    Returns:
        float32 (size, size, 3), linear.
    """
    wall = _make_wall(rng, size // 2, horizon, clutter)
    fine = warp(wall, camera @ np.diag([2, 2, 1.0]), (size, size), border=cv2.BORDER_REFLECT)
    laid = camera @ _lay_out(rng, size, horizon * size)
    # OpenCV warps four channels more than twice as fast as three.
    texture = np.asarray(cv2.cvtColor(TABLES[kind](rng, size), cv2.COLOR_RGB2RGBA), np.float32)
    table = warp(texture, laid, (size, size), border=cv2.BORDER_REFLECT)
    return fine[..., :3] + scaled((table - fine)[..., :3], fine[..., 3])


def _make_wall(rng: Generator, size: int, horizon: float, clutter: float) -> Map:
    """What is behind, out of focus, float32 (size, size, 4); the last channel is 1 where the table hides it."""
    edge = round(horizon * size)
    wall = _WALLS[rng.integers(len(_WALLS))](rng, size)
    if rng.random() < clutter:
        wall = _put_goods(rng, wall, edge)
    wall = blur(wall, size * rng.uniform(0.008, 0.03))
    upper, lower = rng.uniform(0.75, 1.1, 2).tolist()
    wall *= np.linspace(upper, lower, size, dtype=np.float32)[:, None, None]
    reach = np.clip((np.arange(size, dtype=np.float32) - edge) / (0.012 * size) + 0.5, 0, 1)
    return np.dstack([wall, np.broadcast_to(reach[:, None], (size, size))])


def _lay_out(rng: Generator, size: int, edge: float) -> Homography:
    """Homography that lays a texture on the table, from the lower side of the picture to its far edge."""
    shift, spread = rng.uniform(-0.25, 0.25) * size, rng.uniform(0.35, 0.8) * size
    texture = np.array([(0, 0), (size, 0), (size, size), (0, size)], float)
    table = np.array([(shift, edge), (size + shift, edge), (size + spread, size), (-spread, size)], float)
    return homography(texture, table)


def _put_goods(rng: Generator, wall: Light, edge: int) -> Light:
    """Rows of packs and bottles in all colours; they will be blurred."""
    size = wall.shape[0]
    canvas = np.ascontiguousarray(wall)
    base = edge + round(0.05 * size)
    x = -rng.uniform(0, 0.1) * size
    while x < size:
        width, height = rng.uniform(0.09, 0.2) * size, rng.uniform(0.3, 0.75) * size
        hue = rng.uniform(0, 360)
        _put_pack(canvas, (x, base - height, x + width * 0.93, base), hue, rng)
        x += width * rng.uniform(1.0, 1.25)
    return canvas


def _put_pack(canvas: Light, box: tuple[float, float, float, float], hue: float, rng: Generator) -> None:
    left, top, right, bottom = (round(side) for side in box)
    tone = rng.uniform(0.4, 1.0)
    main, second = (
        linear(hls(turn, rng.uniform(0.3, 0.85), rng.uniform(0.05, 0.55))) * tone for turn in (hue, hue + 150)
    )
    cv2.rectangle(canvas, (left, top), (right, bottom), main.tolist(), -1)
    middle = round(top + (bottom - top) * rng.uniform(0.2, 0.6))
    cv2.rectangle(canvas, (left, middle), (right, round(middle + (bottom - top) * 0.25)), second.tolist(), -1)
    if rng.random() < 0.5:
        neck = round((right - left) * 0.3)
        cv2.rectangle(canvas, (left + neck, top - neck), (right - neck, top), second.tolist(), -1)
    cv2.line(canvas, (right, top), (right, bottom), (0.02, 0.02, 0.02), max(1, (right - left) // 12))
