"""What can happen to a photo of a catalogue, with a strength from 0 to 1, to see how much a system bears.

Each disturbance is one effect by itself, unlike a real photo, so that accuracy can be drawn against its strength, as
Hendrycks and Dietterich do for classifiers ("Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019). Strength 0 leaves the photo as it is; 1 is about as much as people still recognise. What is
drawn at random, such as a direction or a place, depends on the photo and the seed and not on the strength: a photo gets
harder in the same way, step by step.

===============  =================================================================
``light``        up to 3 stops darker or 2 brighter, and up to 1.5 stops from one side to the other
``temperature``  up to 1.2 octaves warmer (2830 K) or colder (14,900 K) than daylight
``blur``         out of focus by discs of up to 2.5 % of the shorter side in radius
``motion``       moved by up to 8 % of the shorter side
``crop``         a window of down to half of each side
``rotation``     turned by up to 45 degrees; what comes into view is the photo mirrored at its border
``jpeg``         JPEG quality from 95 down to 5
``noise``        photon and read-out noise of up to 0.3 of white
``occlusion``    a coloured rectangle over up to half of the photo
===============  =================================================================
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from util.datasets.synthesis import photography
from util.datasets.synthesis.colors import Light, to_linear, to_srgb
from util.errors import InvalidInputError

Picture: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W, 3), RGB."""

Disturbance: TypeAlias = Callable[[Picture, float, Generator], Picture]
"""Picture, strength in (0, 1], source of what is drawn at random."""


def disturb(picture: Picture, kind: str, strength: float, *, seed: int | list[int] = 0) -> Picture:
    """A photo with one disturbance.

    Args:
        picture: uint8 (H, W, 3), RGB; not changed.
        kind: one of :data:`DISTURBANCES`.
        strength: in [0, 1].
        seed: the same seed, the same direction, place and noise, whatever the strength.

    Returns:
        uint8 (H, W, 3), RGB, of the same size unless it is cropped; the picture itself at strength 0.

    Raises:
        InvalidInputError: if there is no such disturbance, or the strength or the picture has another form.

    >>> grey = np.full((8, 8, 3), 128, np.uint8)
    >>> disturb(grey, "crop", 0.5).shape, disturb(grey, "light", 0.0) is grey
    ((6, 6, 3), True)
    """
    check_disturbance(kind, strength)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InvalidInputError(f"a picture is uint8 H×W×3, not {picture.dtype} of shape {picture.shape}")
    if strength == 0:
        return picture
    return DISTURBANCES[kind](picture, strength, np.random.default_rng(seed))


def check_disturbance(kind: str, strength: float) -> None:
    """Does nothing where such a disturbance can be made.

    Raises:
        InvalidInputError: listing the disturbances there are, or saying what a strength is.
    """
    if kind not in DISTURBANCES:
        raise InvalidInputError(f"no disturbance is called {kind!r}; there are {', '.join(DISTURBANCES)}")
    if not 0 <= strength <= 1:
        raise InvalidInputError(f"the strength of a disturbance lies in [0, 1], not {strength}")


def _in_light(effect: Callable[[Light, float, Generator], Light]) -> Disturbance:
    """A disturbance that happens before the camera encodes the light."""

    def disturbed(picture: Picture, strength: float, rng: Generator) -> Picture:
        return to_srgb(effect(to_linear(picture), strength, rng))

    return disturbed


def _light(light: Light, strength: float, rng: Generator) -> Light:
    angle, darker = rng.uniform(0, 360), rng.random() < 0.5
    exposed = photography.expose(light, (-3.0 if darker else 2.0) * strength)
    return photography.shade_across(exposed, angle, 1.5 * strength)


def _temperature(light: Light, strength: float, rng: Generator) -> Light:
    octaves = (-1.2 if rng.random() < 0.5 else 1.2) * strength
    return photography.tint(light, 6500 * 2.0**octaves)


def _blur(light: Light, strength: float, rng: Generator) -> Light:
    # From half a pixel on a point is spread at all, so that small pictures get blurred by small strengths too.
    return photography.defocus(light, 0.5 + 0.025 * strength * min(light.shape[:2]))


def _motion(light: Light, strength: float, rng: Generator) -> Light:
    return photography.blur_motion(light, 1 + 0.08 * strength * min(light.shape[:2]), rng.uniform(0, 180))


def _noise(light: Light, strength: float, rng: Generator) -> Light:
    return photography.add_noise(light, rng, 0.3 * strength)


def _crop(picture: Picture, strength: float, rng: Generator) -> Picture:
    height, width = picture.shape[:2]
    down, right = rng.random(2)
    rows, columns = (max(1, round(side * (1 - strength / 2))) for side in (height, width))
    top, left = round(down * (height - rows)), round(right * (width - columns))
    return np.ascontiguousarray(picture[top : top + rows, left : left + columns])


def _rotation(picture: Picture, strength: float, rng: Generator) -> Picture:
    height, width = picture.shape[:2]
    angle = (-45.0 if rng.random() < 0.5 else 45.0) * strength
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    turned = cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned, np.uint8)


def _jpeg(picture: Picture, strength: float, rng: Generator) -> Picture:
    file = photography.encode_jpeg(picture, round(95 - 90 * strength))
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def _occlusion(picture: Picture, strength: float, rng: Generator) -> Picture:
    height, width = picture.shape[:2]
    down, right, slim = rng.random(3)
    colour = rng.integers(0, 256, 3)
    # A rectangle of the share wanted, between upright and lying, that still fits into the picture.
    share = strength / 2
    stretch = (1 / share) ** (0.3 * (slim - 0.5))
    rows, columns = round(height * np.sqrt(share) * stretch), round(width * np.sqrt(share) / stretch)
    top, left = round(down * (height - rows)), round(right * (width - columns))
    covered = picture.copy()
    covered[top : top + rows, left : left + columns] = colour
    return covered


DISTURBANCES: Mapping[str, Disturbance] = MappingProxyType(
    {
        "light": _in_light(_light),
        "temperature": _in_light(_temperature),
        "blur": _in_light(_blur),
        "motion": _in_light(_motion),
        "crop": _crop,
        "rotation": _rotation,
        "jpeg": _jpeg,
        "noise": _in_light(_noise),
        "occlusion": _occlusion,
    }
)
