"""What light and camera do to a picture, one effect a function, each with its strength in physical units.

All work on linear light (float32 (H, W, 3), RGB, 1 is white), so that exposure, colour of light, blur and noise mix as
they do in a camera. For a photograph, ``to_srgb(expose(to_linear(photo), -1))`` is one stop less light.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from util.datasets.synthesis.colors import Light
from util.datasets.synthesis.rasters import SHIFT, Map, fixed, scaled, with_channels


def expose(light: Light, stops: float) -> Light:
    """More (positive) or less light; one stop doubles it.

    >>> expose(np.full((1, 1, 3), 0.25, np.float32), 1.0).max()
    np.float32(0.5)
    """
    return light * np.float32(2.0**stops)


def light_color(kelvin: float) -> NDArray[np.float32]:
    """Red, green and blue of a black body next to daylight (6500 K), green being 1.

    Tanner Helland's fit to the CIE 1964 data (2012), in linear light; for 1500–15000 K.

    Args:
        kelvin: colour temperature; lamps have 2700, daylight 6500, shade 8000 and more.
    """
    return _planck(kelvin) / _planck(6500)


def _planck(kelvin: float) -> NDArray[np.float32]:
    hundreds = kelvin / 100
    red = 255.0 if hundreds <= 66 else 329.698727446 * (hundreds - 60) ** -0.1332047592
    green = (
        99.4708025861 * np.log(hundreds) - 161.1195681661
        if hundreds <= 66
        else 288.1221695283 * (hundreds - 60) ** -0.0755148492
    )
    blue = 255.0 if hundreds >= 66 else max(138.5177312231 * np.log(max(hundreds - 10, 1.01)) - 305.0447927307, 1.0)
    display = np.clip(np.array([red, green, blue]) / 255, 0, 1)
    rgb = display**2.2
    return np.asarray(rgb / rgb[1], np.float32)


def tint(light: Light, kelvin: float, *, balance: float = 0.0) -> Light:
    """Light of a colour temperature, after the camera has balanced part of it away.

    Args:
        light: as under daylight.
        kelvin: colour temperature of the lamp.
        balance: share in [0, 1] that the camera's white balance removes.
    """
    gains = light_color(kelvin) ** np.float32(1 - balance)
    return np.asarray(cv2.transform(light, np.diag(gains)), np.float32)


def shade_across(light: Light, angle: float, stops: float) -> Light:
    """Light that falls off across the picture, as from a lamp or window at one side.

    Args:
        light: evenly lit.
        angle: direction towards the dark side in degrees, counter-clockwise from the right.
        stops: difference between the two sides.
    """
    height, width = light.shape[:2]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32) * np.float32(np.cos(np.radians(angle)))
    y = np.linspace(0.5, -0.5, height, dtype=np.float32) * np.float32(np.sin(np.radians(angle)))
    return scaled(light, np.exp2(-np.float32(stops) * (x + y[:, None])))


def vignette(light: Light, stops: float) -> Light:
    """Corners darker than the middle by so many stops."""
    height, width = light.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    y = np.linspace(-1, 1, height, dtype=np.float32) ** 2
    return scaled(light, np.exp2(np.float32(-stops / 2) * (x + y[:, None])))


def cast_shadow(light: Light, edge: NDArray[np.float32], depth: float) -> Light:
    """Something outside the picture takes away direct light.

    Args:
        light: the scene.
        edge: float32 (H, W) in [0, 1], 1 in full shadow.
        depth: share of the light taken, in [0, 1].
    """
    return scaled(light, 1 - np.float32(depth) * edge)


def blur_motion(light: Light, length: float, angle: float) -> Light:
    """The camera moved during the exposure.

    Args:
        light: sharp.
        length: of the way in pixels; below 1 nothing happens.
        angle: of the way in degrees, counter-clockwise from the right.
    """
    if length < 1:
        return light
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    way = np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))]) * length / 2
    ends = fixed(reach + np.stack([-way, way]))
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1, 1, cv2.LINE_8, SHIFT)
    return _spread(light, kernel)


def defocus(light: Light, radius: float) -> Light:
    """The lens was focused elsewhere: points become discs of that radius in pixels."""
    if radius < 0.5:
        return light
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return _spread(light, kernel)


def _spread(light: Light, kernel: Map) -> Light:
    """Each point of light spread over the kernel; none is lost."""
    blurred = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def add_noise(light: Light, rng: Generator, amount: float) -> Light:
    """Photon and read-out noise: the variance grows with the light.

    Args:
        light: without noise.
        rng: source of the noise.
        amount: standard deviation where the picture is white; 0.01 is a good camera by day, 0.1 a phone at night.
    """
    if amount <= 0:
        return light
    height, width = light.shape[:2]
    # A camera measures brightness at every pixel and colour at every other one.
    grain = np.float32(0.8) * rng.standard_normal((height, width), np.float32)
    speckle = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32)
    speckle = np.asarray(cv2.resize(speckle, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    deviation = np.float32(amount) * np.sqrt(np.maximum(light, 0) + np.float32(0.02))
    return light + deviation * (speckle + with_channels([grain] * 3))


def roll_off(light: Light, shoulder: float = 0.75) -> Light:
    """Bends highlights towards white instead of cutting them off.

    Args:
        light: with values above 1 perhaps.
        shoulder: where the bend begins, in (0, 1).

    Returns:
        values below 1; those up to the shoulder as they were.
    """
    room = np.float32(1 - shoulder)
    above = np.maximum(light - np.float32(shoulder), 0)
    return np.asarray(np.minimum(light, np.float32(shoulder)) + room * above / (above + room), np.float32)


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """A JPEG file, as a phone writes it (colour at half resolution).

    Args:
        image: uint8 (H, W, 3) RGB.
        quality: 1 (worst) to 95.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()
