"""Blemishes on a front panel: scratch, dent, scuff and tear."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from util.datasets.synthesis.design import Damage, DamageKind
from util.datasets.synthesis.rasters import SHIFT, enlarge, fixed, warp
from util.datasets.synthesis.typography import Box

Panel = NDArray[np.float32]
"""float32 (H, W, 3) sRGB in [0, 255]."""

_VISIBLE = 2
"""Display steps from which a change counts as part of the blemish; in height, ten-thousandths of the width."""

Relief = NDArray[np.float32]
"""float32 (H, W), height above the panel in shares of its width."""


def damage_panel(panel: NDArray[np.uint8], damage: Damage) -> tuple[NDArray[np.uint8], Relief, Box]:
    """Paints a blemish.

    Args:
        panel: uint8 (H, W, 3) RGB; not changed.
        damage: what, where, and the seed of its outline.

    Returns:
        the panel with the blemish; its relief, float32 (H, W) in shares of the width; its box in shares of both sides.
    """
    height, width = panel.shape[:2]
    middle = np.array(damage.place) * [width, height]
    painted = panel.astype(np.float32)
    relief = np.zeros((height, width), np.float32)
    rng = np.random.default_rng(damage.seed)
    _PAINTERS[damage.kind](painted, relief, middle, np.radians(damage.angle), rng)
    painted = np.clip(painted, 0, 255)
    changed = (np.abs(painted - panel).max(-1) > _VISIBLE) | (np.abs(relief) > _VISIBLE / 10_000)
    return painted.astype(np.uint8), relief, _box_of(changed)


def _box_of(changed: NDArray[np.bool_]) -> Box:
    """The smallest box around all that changed, in shares of width and height."""
    height, width = changed.shape
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def _scratch(panel: Panel, relief: Relief, middle: NDArray[np.float64], angle: float, rng: Generator) -> None:
    """A bright groove with a dark edge, so that it shows on any print, and two hairlines beside it."""
    width = panel.shape[1]
    along = np.array([np.cos(angle), -np.sin(angle)])
    across = np.array([-along[1], along[0]])
    t = np.linspace(-0.3, 0.3, 14)[:, None] * width
    path = middle + t * along + np.cumsum(rng.normal(0, 0.006 * width, 14))[:, None] * across
    thick = max(2, round(width * 0.022))
    _line(panel, path + across * thick * 0.9, (58, 52, 48), thick)
    _line(panel, path, (248, 246, 240), thick)
    for offset, share in ((3.2, slice(2, 9)), (-2.4, slice(6, 13))):
        _line(panel, path[share] + across * thick * (offset + 0.5), (96, 90, 86), max(1, thick // 2))
        _line(panel, path[share] + across * thick * offset, (238, 235, 228), max(1, thick // 2))


def _dent(panel: Panel, relief: Relief, middle: NDArray[np.float64], angle: float, rng: Generator) -> None:
    """A hollow that shows by its shading, with a crease through it."""
    height, width = panel.shape[:2]
    radius = 0.2 * width
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u = ((x - middle[0]) * np.cos(angle) - (y - middle[1]) * np.sin(angle)) / radius
    v = ((x - middle[0]) * np.sin(angle) + (y - middle[1]) * np.cos(angle)) / (0.62 * radius)
    hollow = np.exp(-((u**2 + v**2) ** 1.5))
    relief -= 0.16 * hollow * (radius / width) * 4
    panel *= (1 - 0.3 * hollow * (v > 0) * np.minimum(v, 1))[..., None]
    t = np.linspace(-0.95, 0.95, 12)[:, None] * radius
    along = np.array([np.cos(angle), -np.sin(angle)])
    crease = middle + t * along + rng.normal(0, 0.012 * width, (12, 2))
    _line(panel, crease, (240, 238, 232), max(1, round(width * 0.01)))


def _scuff(panel: Panel, relief: Relief, middle: NDArray[np.float64], angle: float, rng: Generator) -> None:
    """A patch where the print is rubbed off in streaks."""
    height, width = panel.shape[:2]
    radius = 0.21 * width
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), np.degrees(angle), 1.5), [0, 0, 1]])
    streaks = enlarge(rng.random((48, 10), np.float32), (width, height))
    streaks = warp(streaks, turn, (width, height), border=cv2.BORDER_REFLECT)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(x - middle[0], y - middle[1]) / radius
    worn = np.clip((streaks + 0.55 * (1 - distance) - 0.45) * 9, 0, 1) * (distance < 1.15) * 0.92
    panel += worn[..., None] * (np.array([243, 240, 233], np.float32) - panel)


def _tear(panel: Panel, relief: Relief, middle: NDArray[np.float64], angle: float, rng: Generator) -> None:
    """A piece of the surface torn off: grey fibre with a white rim."""
    width = panel.shape[1]
    radius = 0.17 * width
    turns = np.linspace(0, 2 * np.pi, 26, endpoint=False)
    spread = radius * rng.uniform(0.62, 1.05, 26)
    ring = np.stack([np.cos(turns) * spread * 1.25, np.sin(turns) * spread * 0.8], 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    ring = ring @ turn + middle
    rim = middle + (ring - middle) * 1.16
    _polygon(panel, rim + 0.012 * width, (70, 66, 62))
    _polygon(panel, rim, (250, 249, 246))
    _polygon(panel, ring, (176, 160, 140))
    for _ in range(22):
        start = middle + rng.uniform(-0.45, 0.45, 2) * radius
        _line(panel, np.stack([start, start + rng.normal(0, 0.16, 2) * radius]), (201, 187, 167), 1)


_Painter = Callable[[Panel, Relief, NDArray[np.float64], float, Generator], None]
_PAINTERS: dict[DamageKind, _Painter] = {"scratch": _scratch, "dent": _dent, "scuff": _scuff, "tear": _tear}


def _line(panel: Panel, points: NDArray[np.float64], color: tuple[int, int, int], thickness: int) -> None:
    _blend(panel, color, lambda mask: cv2.polylines(mask, [fixed(points)], False, 255, thickness, cv2.LINE_AA, SHIFT))


def _polygon(panel: Panel, points: NDArray[np.float64], color: tuple[int, int, int]) -> None:
    _blend(panel, color, lambda mask: cv2.fillPoly(mask, [fixed(points)], 255, cv2.LINE_AA, SHIFT))


def _blend(panel: Panel, color: tuple[int, int, int], draw: Callable[[NDArray[np.uint8]], object]) -> None:
    mask = np.zeros(panel.shape[:2], np.uint8)
    draw(mask)
    panel += (mask[..., None] / np.float32(255)) * (np.array(color, np.float32) - panel)
