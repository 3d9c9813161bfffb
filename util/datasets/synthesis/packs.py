"""Boxes and gable-top cartons: flat faces, seen by a camera a few pack heights away."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from util.datasets.synthesis.colors import linear, shade
from util.datasets.synthesis.design import Item
from util.datasets.synthesis.rasters import SHIFT, Homography, Map, fixed, homography, warp
from util.datasets.synthesis.surface import Pose, Surface, tilted, unit
from util.datasets.synthesis.textures import Texture, front_texture, plain_texture, side_texture

_DISTANCE = 4.2
"""Distance of the camera in pack heights."""
_EAVES, _RIDGE = 0.76, 0.93
"""Heights at which the roof of a carton begins and ends."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Face:
    """A flat polygon in pack coordinates: x right, y up, z to the front, the height of the pack being 1.

    Attributes:
        corners: float64 (N, 3), counter-clockwise from outside; the first four are where the texture's bottom left,
            bottom right, top right and top left corners go (the third is also the fourth on a triangle).
        texture: what is printed on it.
    """

    corners: Points
    texture: Texture


def make_faces(item: Item, pixels: int) -> list[Face]:
    """The faces of a pack with their prints.

    Args:
        item: a carton or box.
        pixels: its height in the picture, which the resolution is made to match.
    """
    return _carton_faces(item, pixels) if item.design.kind == "carton" else _box_faces(item, pixels)


def _box_faces(item: Item, pixels: int) -> list[Face]:
    form, palette = item.design.form, item.design.palette
    texels = 1.25 * pixels
    front = front_texture(item, round(form.width * texels), round(texels))
    side = side_texture(item, round(form.depth * texels), round(texels), seed=2)
    lid = plain_texture(palette.accent, 8, 8)
    return [*_walls(form.width, form.depth, 0.0, 1.0, front, side), Face(_level(form.width, form.depth, 1.0), lid)]


def _carton_faces(item: Item, pixels: int) -> list[Face]:
    """Walls, two roof slopes that meet at a ridge, folded-in gables, and the fin that seals it."""
    form, palette = item.design.form, item.design.palette
    texels = 1.25 * pixels
    eaves, ridge = _EAVES, _RIDGE
    w, d = form.width / 2, form.depth / 2
    front = front_texture(item, round(form.width * texels), round(eaves * texels))
    side = side_texture(item, round(form.depth * texels), round(eaves * texels), seed=2)
    roof = plain_texture(palette.paper, 8, 8)
    gable = plain_texture(shade(palette.paper, lightness=-0.06), 8, 8)
    fin = plain_texture(palette.accent, 8, 8)
    slope = np.array([(-w, eaves, d), (w, eaves, d), (w, ridge, 0.02), (-w, ridge, 0.02)])
    right = np.array([(w, eaves, d), (w, eaves, -d), (0.9 * w, ridge, 0), (0.9 * w, ridge, 0)])
    seal = np.array([(-w, ridge, 0.02), (w, ridge, 0.02), (w, 1, 0.0), (-w, 1, 0.0)])
    return [
        *_walls(form.width, form.depth, 0.0, eaves, front, side),
        Face(right, gable),
        Face(right[[1, 0, 2, 3]] * [-1, 1, 1], gable),
        Face(slope, roof),
        Face(seal, fin),
    ]


def _walls(width: float, depth: float, low: float, high: float, front: Texture, side: Texture) -> list[Face]:
    w, d = width / 2, depth / 2
    quad = np.array([(-w, low, d), (w, low, d), (w, high, d), (-w, high, d)])
    right = np.array([(w, low, d), (w, low, -d), (w, high, -d), (w, high, d)])
    left = np.array([(-w, low, -d), (-w, low, d), (-w, high, d), (-w, high, -d)])
    return [Face(left, side), Face(right, side), Face(quad, front)]


def _level(width: float, depth: float, height: float) -> Points:
    w, d = width / 2, depth / 2
    return np.array([(-w, height, d), (w, height, d), (w, height, -d), (-w, height, -d)])


@dataclass(frozen=True, slots=True)
class _Camera:
    """Projects pack coordinates into the canvas."""

    pose: Pose
    scale: float
    origin: tuple[float, float]

    def seen(self, points: Points) -> Points:
        """Camera coordinates, the middle of the pack's base at the origin."""
        turn = np.radians(self.pose.yaw)
        x, y, z = points.T
        turned = np.stack([x * np.cos(turn) + z * np.sin(turn), y, z * np.cos(turn) - x * np.sin(turn)], axis=-1)
        return np.asarray(tilted(turned, self.pose.elevation), np.float64)

    def project(self, points: Points) -> Points:
        """Pixels, float64 (N, 2)."""
        x, y, z = self.seen(points).T
        nearness = _DISTANCE / (_DISTANCE - z)
        middle = 0.5 * np.cos(np.radians(self.pose.elevation))
        flat = np.stack([x * nearness, -(middle + (y - middle) * nearness)], axis=-1)
        return flat * self.scale + self.origin


def render_pack(item: Item, faces: list[Face], pose: Pose, pixels: int) -> Surface:
    """Draws a box or carton.

    Args:
        item: a box or carton.
        faces: of :func:`make_faces`.
        pose: how it is seen.
        pixels: its height in the picture.
    """
    corners = np.concatenate([face.corners for face in faces])
    probe = _Camera(pose, 1.0, (0.0, 0.0)).project(corners)
    low, high = probe.min(0), probe.max(0)
    scale = pixels / (high[1] - low[1])
    camera = _Camera(pose, scale, (2 - low[0] * scale, 2 - low[1] * scale))
    width, height = np.ceil((high - low) * scale).astype(int) + 4
    color, normal = np.zeros((height, width, 4), np.float32), np.zeros((height, width, 3), np.float32)
    normal[..., 2] = 1
    cover = np.zeros((height, width), np.float32)
    for face in _far_to_near(faces, camera):
        _paint_face(face, camera, color, normal, cover)
    if item.design.kind == "carton":
        _paint_cap(item, camera, color, normal)
    foot = camera.project(np.zeros((1, 3)))[0]
    ground = camera.project(_level(item.design.form.width, item.design.form.depth, 0.0))
    base = (ground.max(0) - ground.min(0)) / 2
    return Surface(
        color=color[..., :3],
        normal=normal,
        cover=cover,
        gloss=np.full(cover.shape, item.design.form.gloss, np.float32),
        detail=color[..., 3],
        foot=(float(foot[0]), float(foot[1])),
        base=(float(base[0]), float(base[1])),
    )


def _outward(face: Face, camera: _Camera) -> Points:
    """Unit normal in camera coordinates."""
    a, b, c = camera.seen(face.corners[:3])
    normal = np.cross(b - a, c - a)
    return np.asarray(normal / np.linalg.norm(normal), np.float64)


def _far_to_near(faces: list[Face], camera: _Camera) -> list[Face]:
    """The faces turned to the camera, farthest first."""
    eye = np.array([0, 0.5 * np.cos(np.radians(camera.pose.elevation)), _DISTANCE])
    facing = [face for face in faces if _outward(face, camera) @ (eye - camera.seen(face.corners).mean(0)) > 0]
    return sorted(facing, key=lambda face: camera.seen(face.corners)[:, 2].mean())


def _paint_face(face: Face, camera: _Camera, color: Map, normal: Map, cover: Map) -> None:
    corners = camera.project(face.corners)
    left, top = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0).tolist()
    right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, cover.shape[::-1]).tolist()
    window, size = np.s_[top:bottom, left:right], (right - left, bottom - top)
    outline = fixed(corners - [left, top])
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, outline, 255, cv2.LINE_8, SHIFT)
    place = _texture_place(face, corners - [left, top])
    printed = warp(face.texture.color, place, size, border=cv2.BORDER_REPLICATE)
    color[window] = cv2.copyTo(printed, mask, color[window])
    outward = _outward(face, camera).astype(np.float32)
    upright = np.broadcast_to(outward, (*mask.shape, 3)).copy()
    if face.texture.slope.any():
        upright[..., :2] -= warp(face.texture.slope, place, size)
        upright = unit(upright)
    normal[window] = cv2.copyTo(upright, mask, normal[window])
    cover[window][mask > 0] = 1
    _wear_edges(color[window], outline, face.texture)


def _texture_place(face: Face, corners: Points) -> Homography:
    """Homography from the texture into the picture; of a triangle, whose print is plain, any will do."""
    height, width = face.texture.color.shape[:2]
    if np.allclose(face.corners[2], face.corners[3]):
        return np.eye(3)
    return homography(np.array([(0, height), (width, height), (width, 0), (0, 0)], float), corners[:4])


def _wear_edges(color: Map, outline: NDArray[np.int32], texture: Texture) -> None:
    """Folded board is a little paler along its edges."""
    printed = texture.color[texture.color.shape[0] // 2, 0]
    pale = printed + 0.3 * (np.array([0.85, 0.85, 0.85, printed[3]]) - printed)
    cv2.polylines(color, [outline], True, pale.tolist(), 1, cv2.LINE_8, SHIFT)


def _paint_cap(item: Item, camera: _Camera, color: Map, normal: Map) -> None:
    """A screw cap on the front slope of the roof."""
    form = item.design.form
    slope = np.array([0, form.depth / 2 - 0.02, _RIDGE - _EAVES])
    outward = slope / np.linalg.norm(slope)
    up = np.array([0, outward[2], -outward[1]])
    middle = np.array([0, (_EAVES + _RIDGE) / 2, form.depth / 4])
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)[:, None]
    ring = 0.21 * form.width * (np.cos(turns) * [1, 0, 0] + np.sin(turns) * up)
    low, high = (camera.project(middle + ring + lift * outward) for lift in (0.0, 0.05))
    hull = cv2.convexHull(np.concatenate([low, high]).astype(np.float32))[:, 0].astype(np.float64)
    toward, base = camera.seen(np.stack([outward, np.zeros(3)]))
    detail = float("cap" in item.detail)
    for outline, shade_ in ((hull, shade(item.design.palette.cap, lightness=-0.1)), (high, item.design.palette.cap)):
        cv2.fillConvexPoly(color, fixed(outline), [*linear(shade_).tolist(), detail], cv2.LINE_8, SHIFT)
        cv2.fillConvexPoly(normal, fixed(outline), (toward - base).tolist(), cv2.LINE_8, SHIFT)
