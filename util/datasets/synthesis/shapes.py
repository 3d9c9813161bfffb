"""Bottles, jars and cans: surfaces of revolution with a skin, seen by a distant camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from util.datasets.synthesis.colors import linear
from util.datasets.synthesis.design import Item
from util.datasets.synthesis.rasters import Map
from util.datasets.synthesis.surface import Pose, Surface, tilted, unit
from util.datasets.synthesis.textures import Texture, front_texture, side_texture

_LEVELS = 800
"""Heights at which an outline is sampled."""
_LID_LEVELS = 60
"""Further levels for the flat top, from its near edge to its far edge."""
_FRONT_SHARE = 0.34
"""Share of the way around that the front panel takes: what a camera can see of it at once."""
_BACK_SHARE = 0.24
_MISS = 2.5
"""A pixel whose line of sight passes the nearest level by more than so many pixels misses the bottle."""
_RIBS = 64
"""Ribs around a cap."""
_LABEL_GLOSS = 0.3


@dataclass(frozen=True, slots=True)
class Profile:
    """An outline; heights are shares of the height, radii shares of the largest radius.

    Attributes:
        body: (height, radius) from the base to the neck.
        cap: (height, radius) from the foot of the cap to its top.
        label: lower and upper end of the label.
    """

    body: tuple[tuple[float, float], ...]
    cap: tuple[tuple[float, float], ...]
    label: tuple[float, float]


PROFILES: dict[str, Profile] = {
    "milk": Profile(
        ((0, 0.93), (0.025, 1), (0.62, 1), (0.70, 0.93), (0.80, 0.6), (0.845, 0.5), (0.868, 0.5)),
        ((0.872, 0.57), (0.985, 0.56), (1, 0.5)),
        (0.07, 0.60),
    ),
    "juice": Profile(
        ((0, 0.9), (0.03, 1), (0.3, 0.98), (0.58, 1), (0.66, 0.96), (0.84, 0.47), (0.9, 0.42), (0.905, 0.42)),
        ((0.908, 0.48), (0.988, 0.47), (1, 0.42)),
        (0.10, 0.60),
    ),
    "tower": Profile(
        ((0, 0.92), (0.02, 1), (0.68, 1), (0.74, 0.94), (0.79, 0.6), (0.83, 0.42), (0.9, 0.38)),
        ((0.902, 0.45), (0.99, 0.45), (1, 0.4)),
        (0.09, 0.66),
    ),
    "flask": Profile(
        ((0, 0.9), (0.03, 1), (0.35, 1), (0.6, 0.96), (0.72, 0.82), (0.79, 0.55), (0.80, 0.52)),
        ((0.803, 0.66), (0.97, 0.6), (1, 0.5)),
        (0.08, 0.64),
    ),
    "jar": Profile(
        ((0, 0.9), (0.04, 1), (0.66, 1), (0.75, 0.95), (0.8, 0.86), (0.82, 0.86)),
        ((0.822, 0.93), (0.985, 0.93), (1, 0.88)),
        (0.09, 0.68),
    ),
    "can": Profile(
        ((0, 0.8), (0.02, 0.86), (0.06, 1), (0.86, 1), (0.9, 0.99)),
        ((0.9, 0.99), (0.94, 0.95), (0.985, 0.86), (1, 0.85)),
        (0.065, 0.885),
    ),
}


@dataclass(frozen=True, slots=True)
class Skin:
    """The surface of a bottle unrolled, front in the middle.

    Attributes:
        texture: rows from the top of the bottle to its foot, columns once around.
        half_turn: how far the label reaches to either side of the front, in radians.
    """

    texture: Texture
    half_turn: float


@dataclass(frozen=True, slots=True)
class _Outline:
    """A profile sampled at its levels: heights above the base and radii there, float64 (_LEVELS,)."""

    heights: NDArray[np.float64]
    radii: NDArray[np.float64]

    def scaled(self, height: float, width: float) -> _Outline:
        """In pixels."""
        return _Outline(self.heights * height, self.radii * (width / 2))


@cache
def _outline(name: str) -> _Outline:
    """A profile of height 1 and largest radius 1."""
    body, cap = np.array(PROFILES[name].body), np.array(PROFILES[name].cap)
    heights = np.linspace(0, 1, _LEVELS)
    radii = PchipInterpolator(*body.T)(np.minimum(heights, body[-1, 0]))
    above = heights >= cap[0, 0]
    radii[above] = PchipInterpolator(*cap.T)(heights[above])
    return _Outline(heights, radii)


def paint_skin(item: Item, pixels: int) -> Skin:
    """Paints the skin of a bottle.

    Args:
        item: a bottle.
        pixels: its height in the picture, which the resolution is made to match.
    """
    design, profile = item.design, PROFILES[item.design.form.profile]
    tall, around = round(1.25 * pixels), round(1.25 * np.pi * design.form.width * pixels)
    color, slope = np.empty((tall, around, 4), np.float32), np.zeros((tall, around, 2), np.float32)
    color[...] = [*linear(design.palette.body), 0]
    color[: round((1 - profile.cap[0][0]) * tall)] = [*linear(design.palette.cap), float("cap" in item.detail)]
    rows = slice(round((1 - profile.label[1]) * tall), round((1 - profile.label[0]) * tall))
    front = front_texture(item, round(_FRONT_SHARE * around), rows.stop - rows.start)
    left = (around - front.color.shape[1]) // 2
    middle = slice(left, left + front.color.shape[1])
    sticker = design.layout in ("badge", "column")
    if not sticker:
        color[rows] = _paint_wrap(item, around, middle, rows.stop - rows.start)
    color[rows, middle], slope[rows, middle] = front.color, front.slope
    return Skin(Texture(color, slope), np.pi * (_FRONT_SHARE if sticker else 1))


def _paint_wrap(item: Item, around: int, front: slice, tall: int) -> Map:
    """A label that goes all around: the bands of its front continued to a panel on the back."""
    unhurt = replace(item, design=replace(item.design, damage=None))  # a scuff at the edge must not run all around
    edges = front_texture(unhurt, front.stop - front.start, tall).color
    wrap = np.zeros((tall, around, 4), np.float32)
    wrap[:, : front.start, :3], wrap[:, front.stop :, :3] = edges[:, :1, :3], edges[:, -1:, :3]
    half = round(_BACK_SHARE * around / 2)
    back = side_texture(item, 2 * half, tall, seed=1).color
    wrap[:, :half], wrap[:, -half:] = back[:, half:], back[:, :half]
    return wrap


def render_bottle(item: Item, skin: Skin, pose: Pose, pixels: int) -> Surface:
    """Draws a bottle as a distant camera sees it.

    Args:
        item: a bottle.
        skin: its skin.
        pose: how it is seen.
        pixels: its height in the picture.
    """
    form, tilt = item.design.form, np.radians(pose.elevation)
    outline = _outline(form.profile)
    ends = outline.radii[0] + outline.radii[-1]
    size = pixels / (np.cos(tilt) + form.width / 2 * ends * np.sin(tilt))
    outline = outline.scaled(size, size * form.width)
    radii = outline.radii
    across = np.arange(int(radii.max()), dtype=np.float64) + 0.5
    top = int(np.ceil(size * np.cos(tilt) + radii[-1] * np.sin(tilt))) + 1
    rows = top - 0.5 - np.arange(top + int(np.ceil(radii[0] * np.sin(tilt))) + 2, dtype=np.float64)
    half = _visible_levels(outline, across, rows, tilt)
    level = np.concatenate([half[:, ::-1], half], axis=1)
    x = np.concatenate([-across[::-1], across])
    color, normal, gloss = _clothe(item, skin, pose, level, x, outline)
    return Surface(
        color=color[..., :3],
        normal=normal,
        cover=np.isfinite(level).astype(np.float32),
        gloss=gloss,
        detail=color[..., 3],
        foot=(len(across), top),
        base=(float(radii[0]), float(radii[0] * np.sin(tilt))),
    )


def _visible_levels(outline: _Outline, across: NDArray[np.float64], rows: NDArray[np.float64], tilt: float) -> Map:
    """The level on the outline that each pixel of the right half shows; beyond the last one on the lid, NaN off it.

    Column by column, the levels are projected and the visible ones kept: the camera looks from above, so of two
    points on one line of sight the higher one is nearer and hides the other.
    """
    heights, radii = outline.heights, outline.radii
    reach = np.sqrt(np.maximum(radii[:, None] ** 2 - across**2, 0))
    lid = np.linspace(1, -1, _LID_LEVELS)[1:, None] * reach[-1]
    toward = np.concatenate([reach, lid])
    upward = np.concatenate([heights, np.full(len(lid), heights[-1])])
    screen = upward[:, None] * np.cos(tilt) - toward * np.sin(tilt)
    widest = np.concatenate([radii, np.full(len(lid), radii[-1])])
    screen[widest[:, None] <= across] = np.inf
    horizon = np.minimum.accumulate(screen[::-1])[::-1]
    level = np.full((len(rows), len(across)), np.nan, np.float32)
    places = np.arange(len(upward), dtype=float)
    for column in range(len(across)):
        ends = np.isfinite(horizon[:, column])
        line = horizon[ends, column]
        found = np.interp(rows, line, places[ends])
        outside = (rows < line[0]) | (rows > line[-1])
        beside_waist = np.abs(screen[np.rint(found).astype(int), column] - rows) > _MISS
        level[:, column] = np.where(outside | beside_waist, np.nan, found)
    return level


def _clothe(
    item: Item,
    skin: Skin,
    pose: Pose,
    level: Map,
    x: NDArray[np.float64],
    outline: _Outline,
) -> tuple[Map, Map, Map]:
    """Colour with detail, normals and gloss of each pixel, from the level it shows."""
    lid = level > _LEVELS - 1
    rise = np.minimum(np.nan_to_num(level), _LEVELS - 1)
    radius, flare = (_at(values, rise) for values in (outline.radii, -np.gradient(outline.radii, outline.heights)))
    sine = np.clip(x.astype(np.float32) / radius, -1, 1)
    cosine = np.sqrt(1 - sine * sine)
    turn = np.arcsin(sine) - np.float32(np.radians(pose.yaw))
    tall, around = skin.texture.color.shape[:2]
    columns = (turn / np.float32(2 * np.pi) + np.float32(0.5)) * around - np.float32(0.5)
    lines = (1 - rise / (_LEVELS - 1)) * tall - np.float32(0.5)
    color, slope = (_sample(texture, columns, lines) for texture in (skin.texture.color, skin.texture.slope))
    profile = PROFILES[item.design.form.profile]
    height = rise / (_LEVELS - 1)
    ribs = (height > profile.cap[0][0] + 0.01) * np.sin(_RIBS * turn) * np.float32(0.3)
    lean = slope[..., 0] + ribs if item.design.form.profile != "can" else slope[..., 0]
    normal = np.stack([sine - lean * cosine, flare - slope[..., 1], cosine + lean * sine], axis=-1)
    normal[lid] = (0, 1, 0)
    on_label = (height > profile.label[0]) & (height < profile.label[1]) & (np.abs(turn) < skin.half_turn)
    gloss = np.where(on_label, np.float32(_LABEL_GLOSS), np.float32(item.design.form.gloss))
    return color, tilted(unit(normal), pose.elevation), gloss


def _at(values: NDArray[np.float64], level: Map) -> Map:
    return np.interp(level, np.arange(_LEVELS), values).astype(np.float32)


def _sample(texture: Map, columns: Map, lines: Map) -> Map:
    if not texture.any():
        return np.zeros((*columns.shape, texture.shape[2]), np.float32)
    found = cv2.remap(texture, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
