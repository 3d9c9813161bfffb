"""Light and camera: what albumentations does to a view once it is cut.

Importing albumentations takes seconds, so nothing imports this module until a first image is changed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

# Albumentations asks a server for its newest version when it is imported, unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A  # noqa: N812 - the name its own documentation uses
from albumentations.augmentations.pixel.functional import planckian_jitter

from util.preprocess.pixels import Image
from util.training.augmentation.config import AugmentationConfig

_DAYLIGHT = 6500  # kelvin; in albumentations' table of daylights (CIE D) the one that is white
_SMALLEST_KERNEL = 3
_OCCLUDERS = 2


class DaylightShift(A.ImageOnlyTransform):  # type: ignore[misc] # albumentations has no types
    """Daylight of another colour temperature: gains of red and blue against green.

    ``A.PlanckianJitter`` draws in kelvin, always on both sides of 6000 K, where its own gains are not white: it would
    tint most images warm. This one draws evenly in mired about white, with the same table.

    Args:
        mired: largest shift either way.
        p: how often.
    """

    def __init__(self, mired: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.mired = mired

    def get_params(self) -> dict[str, float]:
        """The temperature of one image."""
        return {"kelvin": 1e6 / (1e6 / _DAYLIGHT + self.py_random.uniform(-self.mired, self.mired))}

    def apply(self, img: Image, kelvin: float, **_: object) -> Image:
        """Gives uint8 H×W×3 this light."""
        lit: Image = planckian_jitter(img, kelvin, mode="cied")
        return lit


def photograph(config: AugmentationConfig, *, shorter_side: int) -> A.Compose:
    """The steps in the order in which they happen to a photo: scene, light, lens, sensor, file.

    Args:
        config: its strengths; steps of strength 0 are not there.
        shorter_side: of the views, in pixels; what blur is a share of.

    Returns:
        A pipeline from uint8 H×W×3 to the same.
    """
    steps = [*_scene(config), *_light(config), *_camera(config, shorter_side)]
    return A.Compose(steps)


def _scene(config: AugmentationConfig) -> Iterator[A.BasicTransform]:
    if config.occlusion:
        side = math.sqrt(config.occlusion / _OCCLUDERS)
        sides = (side / 3, side)
        yield A.CoarseDropout((1, _OCCLUDERS), sides, sides, fill="random_uniform", p=config.defect_chance)
    if config.shadow:
        darkness = (config.shadow / 4, config.shadow)
        yield A.RandomShadow((0, 0, 1, 1), (1, 1), 3, shadow_intensity_range=darkness, p=config.defect_chance)


def _light(config: AugmentationConfig) -> Iterator[A.BasicTransform]:
    chance = config.light_chance
    if config.uneven_light:
        weakest = min(0.01, config.uneven_light)
        yield A.Illumination(intensity_range=(weakest, config.uneven_light), p=chance)
    if config.colour_temperature:
        yield DaylightShift(config.colour_temperature, p=chance)
    if config.gamma:
        yield A.RandomGamma((100 / (1 + config.gamma), 100 * (1 + config.gamma)), p=chance)
    if config.brightness:
        yield A.RandomBrightnessContrast(brightness_limit=0, contrast_limit=config.brightness, p=chance)
    if config.saturation or config.hue:
        # Gains, not shifts: a shift of saturation would give greys and whites a colour they never had.
        gains = (1 - config.saturation, 1 + config.saturation)
        turn = config.hue / 360
        yield A.ColorJitter((1, 1), (1, 1), gains, (-turn, turn), p=chance)


def _camera(config: AugmentationConfig, shorter_side: int) -> Iterator[A.BasicTransform]:
    chance = config.defect_chance
    if config.blur:
        width = max(_SMALLEST_KERNEL, round(config.blur * shorter_side))
        widest = width if width % 2 else width + 1
        motion = A.MotionBlur((_SMALLEST_KERNEL, widest), p=1)
        # A disc of width w has the spread of a Gaussian of w / 4; the library's own Defocus always convolves 17×17.
        yield A.OneOf([motion, A.GaussianBlur(0, (widest / 8, widest / 4), p=1)], p=chance)
    if config.noise:
        yield A.GaussNoise((config.noise / 4, config.noise), p=chance)
    if config.jpeg_quality < 100:
        yield A.ImageCompression("jpeg", (config.jpeg_quality, 100), p=chance)
