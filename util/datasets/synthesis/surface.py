"""What a renderer hands to the lighting: colour, orientation and gloss of each pixel of an object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from util.datasets.synthesis.rasters import Map


@dataclass(frozen=True, slots=True)
class Pose:
    """How the camera sees an object.

    Attributes:
        yaw: turn of the object about its upright axis in degrees; 0 shows its front, positive turns it to the right.
        elevation: of the camera above the horizon in degrees, in [0, 40].
    """

    yaw: float = 0.0
    elevation: float = 0.0


@dataclass(frozen=True, slots=True)
class Surface:
    """An object before it is lit, on a canvas that just holds it.

    Camera coordinates: x to the right, y up, z to the camera.

    Attributes:
        color: float32 (H, W, 3), share of each of red, green, blue that the surface sends back.
        normal: float32 (H, W, 3), unit vectors in camera coordinates.
        cover: float32 (H, W) in [0, 1], share of the pixel that the object covers.
        gloss: float32 (H, W) in [0, 1].
        detail: float32 (H, W) in [0, 1], 1 where the detail is that tells the item from its family.
        foot: x and y in pixels of the middle of its base.
        base: half width and half depth in pixels of the ellipse or box it stands on.
    """

    color: Map
    normal: Map
    cover: Map
    gloss: Map
    detail: Map
    foot: tuple[float, float]
    base: tuple[float, float]


def unit(vectors: Map) -> Map:
    """Vectors along the last axis, scaled to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def tilted(vectors: Map, elevation: float) -> Map:
    """Vectors seen by a camera that looks down by so many degrees."""
    sine, cosine = np.float32(np.sin(np.radians(elevation))), np.float32(np.cos(np.radians(elevation)))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([x, y * cosine - z * sine, y * sine + z * cosine], axis=-1)
