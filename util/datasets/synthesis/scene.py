"""An item in a place: background, shadow, object, and what stands in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from util.datasets.synthesis.backgrounds import make_background, noise
from util.datasets.synthesis.colors import Light
from util.datasets.synthesis.occluders import draw_occluder
from util.datasets.synthesis.rasters import Homography, Map, blur, scaled, shrink, warp
from util.datasets.synthesis.shading import light_surface
from util.datasets.synthesis.shots import Shot
from util.datasets.synthesis.surface import Pose, Surface

_OVERSAMPLING = 2
"""Objects are drawn this much larger and averaged down."""
_ENOUGH_DETAIL = 0.65
"""Share of an item's detail that an occluder has to leave visible; one that does not is drawn again, or left out."""
_TRIES = 6

Renderer = Callable[[Pose, int], Surface]
"""Draws an object in a pose at a height in pixels."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the lens sees.

    Attributes:
        light: float32 (size, size, 3), linear.
        cover: float32 (size, size), share of each pixel that the visible part of the object takes.
        occluder: what stands in front, or empty.
        hidden: share of the object's picture that is hidden or outside the frame.
        detail_visible: share of the telling detail's picture that is neither.
    """

    light: Light
    cover: Map
    occluder: str
    hidden: float
    detail_visible: float


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where an object stands in the picture.

    Attributes:
        size: width and height of the picture.
        surface: the object, oversampled.
        foot: pixel of the picture where the middle of its base stands, before the camera rolls.
        camera: homography of the camera's roll and keystone about the middle of the picture.
    """

    size: int
    surface: Surface
    foot: tuple[float, float]
    camera: Homography

    @classmethod
    def of(cls, surface: Surface, shot: Shot, size: int) -> _Stage:
        """Puts the object about in the middle."""
        middle = np.array(surface.cover.shape[::-1]) / 2
        foot = size * (0.5 + np.array(shot.shift)) + (np.array(surface.foot) - middle) / _OVERSAMPLING
        return cls(size, surface, (float(foot[0]), float(foot[1])), _camera(shot, size))

    def place(self, image: Map, *, oversampling: int = _OVERSAMPLING) -> Map:
        """A picture of the object, so many times oversampled, as the camera sees it at the size of the photo."""
        fine = np.diag([oversampling, oversampling, 1.0])
        put = np.eye(3)
        put[:2, 2] = (np.array(self.foot) - np.array(self.surface.foot) / _OVERSAMPLING) * oversampling
        place = fine @ self.camera @ np.linalg.inv(fine) @ put
        height, width = image.shape[:2]
        corners = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], float)
        corners = cv2.perspectiveTransform(corners, place)[0] / oversampling
        left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, self.size - 1).tolist()
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 1, self.size).tolist()
        window = (right - left, bottom - top)
        shift = np.array([[1, 0, -left * oversampling], [0, 1, -top * oversampling], [0, 0, 1]])
        result = np.zeros((self.size, self.size, *image.shape[2:]), np.float32)
        large = warp(image, shift @ place, (window[0] * oversampling, window[1] * oversampling))
        result[top:bottom, left:right] = shrink(large, window)
        return result

    def silhouette(self, turn: Homography, foot: tuple[float, float]) -> Map:
        """The object's outline turned about its foot, at half the size of the photo and before the camera rolls."""
        place = np.diag([0.5 / _OVERSAMPLING, 0.5 / _OVERSAMPLING, 1.0]) @ turn
        place[:2, 2] = np.array(foot) / 2 - (place @ [*self.surface.foot, 0])[:2]
        return warp(self.surface.cover, place, (self.size // 2, self.size // 2))


def _camera(shot: Shot, size: int) -> Homography:
    roll = np.vstack([cv2.getRotationMatrix2D((size / 2, size / 2), shot.roll, 1.0), [0, 0, 1]])
    keystone = np.array([[1, 0, 0], [0, 1, 0], [0, shot.keystone / size, 1 - shot.keystone / 2]])
    centred = np.array([[1, 0, -size / 2], [0, 1, 0], [0, 0, 1]])
    return np.asarray(np.linalg.inv(centred) @ keystone @ centred @ roll, np.float64)


def set_scene(render: Renderer, shot: Shot, size: int, rng: Generator) -> Scene:
    """Builds the scene of a shot.

    Args:
        render: draws the object in a pose at a height in pixels.
        shot: the circumstances.
        size: width and height of the picture in pixels.
        rng: source of textures and of the occluder's place.
    """
    surface = render(shot.pose, round(shot.scale * size * _OVERSAMPLING))
    stage = _Stage.of(surface, shot, size)
    ground = scaled(_background(stage, shot, rng), 1 - _shadow(stage, shot))
    sprite = stage.place(light_surface(surface, shot.lamp))
    shown_detail = surface.detail * surface.cover
    detail = stage.place(_halved(shown_detail), oversampling=1)
    light = scaled(ground, 1 - sprite[..., 3]) + sprite[..., :3]
    occluder, front, front_cover = _draw_in_front(shot, rng, sprite[..., 3], detail)
    if occluder:
        light += scaled(front - light, front_cover)
    visible = sprite[..., 3] * (1 - front_cover)
    return Scene(
        light=light,
        cover=visible,
        occluder=occluder,
        hidden=1 - _share(visible, surface.cover),
        detail_visible=_share(detail * (1 - front_cover), shown_detail),
    )


def _halved(image: Map) -> Map:
    return shrink(image, (image.shape[1] // _OVERSAMPLING, image.shape[0] // _OVERSAMPLING))


def _share(seen: Map, whole: Map) -> float:
    """How much of an oversampled map is left in the photo, in [0, 1]."""
    total = float(whole.sum()) / _OVERSAMPLING**2
    return float(np.clip(seen.sum() / total, 0, 1)) if total > 0 else 0.0


def _background(stage: _Stage, shot: Shot, rng: Generator) -> Light:
    if shot.background == "studio":
        return np.full((stage.size, stage.size, 3), 0.93, np.float32)
    horizon = stage.foot[1] / stage.size - 0.06 - 0.9 * np.sin(np.radians(shot.pose.elevation)) * rng.uniform(0.7, 1.4)
    horizon = float(np.clip(horizon, 0.05, 0.9))
    scene = make_background(
        rng, shot.background, stage.size, horizon=horizon, clutter=shot.clutter, camera=stage.camera
    )
    lamp = shot.lamp
    return scene * np.float32(0.95 * lamp.fill + lamp.power * max(0.35, np.sin(np.radians(lamp.elevation))))


def _shadow(stage: _Stage, shot: Shot) -> Map:
    """Share of the light that the object takes from the ground: its cast shadow, and the dark line where it stands.

    Shadows are soft, so half the resolution is enough.
    """
    lamp, half = shot.lamp, stage.size // 2
    length = 1 / np.tan(np.radians(max(lamp.elevation, 20)))
    aside = -np.sin(np.radians(lamp.azimuth)) * length
    back = np.cos(np.radians(lamp.azimuth)) * length * np.sin(np.radians(shot.pose.elevation + 2))
    lying = np.array([[1, -aside, 0], [0, back, 0], [0, 0, 1]])
    cast = blur(stage.silhouette(lying, stage.foot), half * (0.008 + 0.03 * lamp.softness))
    x, y = stage.foot
    touch = blur(stage.silhouette(np.eye(3), (x, y + 0.006 * stage.size)), 0.012 * half)
    from_foot = np.arange(half, dtype=np.float32)[:, None] - (y - stage.surface.base[1] / _OVERSAMPLING) / 2
    touch *= np.clip(from_foot / (0.03 * half) + 1, 0, 1).astype(np.float32)
    share = lamp.power / (lamp.power + lamp.fill) * (1 - 0.45 * lamp.softness)
    taken = 1 - (1 - np.float32(share) * cast) * (1 - np.float32(0.75) * touch)
    doubled = stage.camera @ np.diag([2, 2, 1.0])
    return warp(taken, doubled, (stage.size, stage.size), border=cv2.BORDER_REPLICATE)


def _draw_in_front(shot: Shot, rng: Generator, cover: Map, detail: Map) -> tuple[str, Light, Map]:
    """The occluder where it leaves the item's detail visible, with its light and cover; or nothing."""
    nothing = "", np.zeros((0, 0, 3), np.float32), np.zeros_like(cover)
    rows, columns = np.flatnonzero(cover.max(1) > 0.5), np.flatnonzero(cover.max(0) > 0.5)
    if not shot.occluder or not len(rows):
        return nothing
    frame = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    for _ in range(_TRIES):
        light, hidden = draw_occluder(shot.occluder, rng, len(cover), frame)
        if (detail * (1 - hidden)).sum() >= _ENOUGH_DETAIL * detail.sum():
            return shot.occluder, light * np.float32(0.9 * (shot.lamp.power + shot.lamp.fill)), hidden
    return nothing


def block_light(rng: Generator, size: int) -> Map:
    """The soft edge of a shadow from outside the picture, float32 (size, size) in [0, 1]."""
    y, x = (axis.astype(np.float32) / size - np.float32(0.5) for axis in np.ogrid[:size, :size])
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.35)
    distance = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) - np.float32(offset)
    ragged = distance + np.float32(0.08) * noise(rng, size, size, (3, 3), 2)
    return np.clip(ragged / np.float32(rng.uniform(0.03, 0.12)) + np.float32(0.5), 0, 1)
