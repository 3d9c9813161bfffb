"""A photo of an item: the scene, through the lens, onto the chip, into a JPEG file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from util.datasets.synthesis import photography
from util.datasets.synthesis.colors import Light, to_srgb
from util.datasets.synthesis.design import Item
from util.datasets.synthesis.packs import make_faces, render_pack
from util.datasets.synthesis.scene import Renderer, Scene, block_light, set_scene
from util.datasets.synthesis.shapes import paint_skin, render_bottle
from util.datasets.synthesis.shots import Shot


@dataclass(frozen=True, slots=True)
class Photo:
    """A finished photo.

    Attributes:
        image: uint8 (size, size, 3) RGB, before compression.
        scene: what it shows, with ground truth.
        shot: how it was taken.
    """

    image: NDArray[np.uint8]
    scene: Scene
    shot: Shot


def renderer_of(item: Item, size: int) -> Renderer:
    """Paints an item's prints once, for photos of a size, and returns what draws it in any pose."""
    if item.design.kind == "bottle":
        skin = paint_skin(item, size)
        return lambda pose, pixels: render_bottle(item, skin, pose, pixels)
    faces = make_faces(item, size)
    low = min(1.0, 0.85 / item.design.form.width)  # wide packs would not fit at full height
    return lambda pose, pixels: render_pack(item, faces, pose, round(low * pixels))


def take_photo(render: Renderer, shot: Shot, size: int, rng: Generator) -> Photo:
    """Takes a photo.

    Args:
        render: of :func:`renderer_of`, made for this size.
        shot: the circumstances.
        size: width and height in pixels.
        rng: source of textures, places and noise.
    """
    scene = set_scene(render, shot, size, rng)
    return Photo(develop(scene.light, shot, rng), scene, shot)


def develop(light: Light, shot: Shot, rng: Generator) -> NDArray[np.uint8]:
    """What the camera makes of the light, uint8 (H, W, 3) RGB."""
    size = light.shape[1]
    if shot.falloff > 0.6:
        light = photography.cast_shadow(light, block_light(rng, size), 0.35 * shot.falloff)
    if shot.falloff > 0:
        light = photography.shade_across(light, 180 + np.degrees(np.arctan2(1, -shot.lamp.azimuth / 40)), shot.falloff)
        light = photography.vignette(light, 0.3 * shot.falloff)
    light = photography.expose(light, shot.exposure)
    light = photography.tint(light, shot.kelvin, balance=shot.balance)
    light = photography.defocus(light, shot.defocus * size)
    light = photography.blur_motion(light, shot.motion * size, shot.motion_angle)
    light = photography.add_noise(light, rng, shot.noise)
    return to_srgb(photography.roll_off(light))
