"""Light on surfaces: a soft key light, a fill from the sky, and the lamp mirrored in whatever is glossy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from util.datasets.synthesis.rasters import Map, scaled, with_channels
from util.datasets.synthesis.surface import Surface


@dataclass(frozen=True, slots=True)
class Lamp:
    """The light of a scene.

    Attributes:
        azimuth: where it stands, in degrees to the right of the camera.
        elevation: in degrees above the horizon.
        power: of the key light; 1 gives a white surface that faces it full white together with the fill.
        fill: light from everywhere, in [0, 1].
        softness: 0 is a point, 1 a sky; soft light reaches around edges and blurs highlights.
    """

    azimuth: float = -35.0
    elevation: float = 45.0
    power: float = 0.75
    fill: float = 0.4
    softness: float = 0.5

    @property
    def direction(self) -> Map:
        """Unit vector towards it in camera coordinates (x right, y up, z to the camera)."""
        turn, rise = np.radians(self.azimuth), np.radians(self.elevation)
        return np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)], np.float32)


def light_surface(surface: Surface, lamp: Lamp) -> Map:
    """The light that a surface sends to the camera.

    Returns:
        float32 (H, W, 4): linear red, green, blue, premultiplied by the cover, and the cover.
    """
    x, y, z = (np.ascontiguousarray(surface.normal[..., axis]) for axis in range(3))
    toward = lamp.direction
    wrap = np.float32(0.15 + 0.35 * lamp.softness)
    facing = x * toward[0] + y * toward[1] + z * toward[2]
    key = np.clip((facing + wrap) / (1 + wrap), 0, 1)
    light = np.float32(lamp.power) * key + np.float32(lamp.fill) * (np.float32(0.72) + np.float32(0.28) * y)
    light *= _near_ground(surface) * surface.cover
    glare = (_mirrored_lamp((x, y, z), lamp) + _rim(z, lamp)) * surface.gloss * surface.cover
    lit = np.empty((*z.shape, 4), np.float32)
    lit[..., :3] = scaled(surface.color, light) + with_channels([glare] * 3)
    lit[..., 3] = surface.cover
    return lit


def _near_ground(surface: Surface) -> Map:
    """Less light near the ground, which shuts it out; a column of shares."""
    height = np.float32(surface.foot[1]) - np.arange(surface.cover.shape[0], dtype=np.float32)
    share = np.sqrt(np.clip(height / (0.12 * surface.foot[1]), 0, 1))
    return np.asarray((0.7 + 0.3 * share)[:, None], np.float32)


def _mirrored_lamp(normal: tuple[Map, Map, Map], lamp: Lamp) -> Map:
    """The lamp seen in the surface: a tall soft box, and the glow around it."""
    x, y, z = normal
    height, width = z.shape
    scale = np.float32(0.6 / max(height, width))
    # The camera stands a few object heights away: flat faces mirror a little more of the room at one end.
    view_x = (np.float32(width / 2) - np.arange(width, dtype=np.float32)) * scale
    view_y = ((np.arange(height, dtype=np.float32) - np.float32(height / 2)) * scale)[:, None]
    twice = 2 * (x * view_x + y * view_y + z)
    right, up, near = twice * x - view_x, twice * y - view_y, twice * z - 1
    across = np.square(np.square((right - lamp.direction[0]) * np.float32(1 / (0.07 + 0.16 * lamp.softness))))
    along = np.square(np.square((up - np.float32(0.1)) * np.float32(1 / 0.8)))
    box = np.float32(0.75) / (1 + across * across) / (1 + along) * np.clip(near * 4 + 1, 0, 1)
    glow = np.maximum(right * lamp.direction[0] + up * lamp.direction[1] + near * lamp.direction[2], 0)
    glow *= glow
    glow *= glow
    return np.asarray(np.float32(lamp.power) * (box + np.float32(0.14) * glow * glow), np.float32)


def _rim(z: Map, lamp: Lamp) -> Map:
    """The surroundings mirrored at a grazing angle (Schlick 1994)."""
    away = 1 - np.clip(z, 0, 1)
    return np.asarray(np.float32(0.9 * lamp.fill) * away * np.square(np.square(away)), np.float32)
