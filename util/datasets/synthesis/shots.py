"""How a photo is taken: everything about it that is not the item, drawn at random and kept as ground truth."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from util.datasets.synthesis.backgrounds import TABLES
from util.datasets.synthesis.occluders import OCCLUDERS
from util.datasets.synthesis.shading import Lamp
from util.datasets.synthesis.surface import Pose


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo's circumstances.

    Attributes:
        pose: how the object stands to the camera.
        lamp: the light.
        background: one of ``backgrounds.TABLES``.
        clutter: chance that other goods stand behind.
        scale: height of the object as a share of the picture's.
        shift: of the object from the middle, as shares of the picture, right and down.
        roll: of the camera, degrees, counter-clockwise.
        keystone: how much narrower the picture's content is at its top, as a share; negative at its bottom.
        falloff: stops from the bright to the dark side.
        exposure: stops from the right one.
        kelvin: colour temperature of the light.
        balance: share of the light's colour that the camera removes.
        motion: length of a motion blur as a share of the picture's width.
        motion_angle: its direction in degrees.
        defocus: radius of the blur discs as a share of the picture's width.
        noise: standard deviation at white.
        quality: of the JPEG.
        occluder: one of ``occluders.OCCLUDERS``, or empty.
    """

    pose: Pose
    lamp: Lamp
    background: str
    clutter: float
    scale: float
    shift: tuple[float, float]
    roll: float
    keystone: float
    falloff: float
    exposure: float
    kelvin: float
    balance: float
    motion: float
    motion_angle: float
    defocus: float
    noise: float
    quality: int
    occluder: str


CATALOGUE = Shot(
    pose=Pose(0, 6),
    lamp=Lamp(azimuth=-30, elevation=45, power=0.7, fill=0.5, softness=0.9),
    background="studio",
    clutter=0,
    scale=0.9,
    shift=(0, 0),
    roll=0,
    keystone=0,
    falloff=0,
    exposure=0,
    kelvin=6500,
    balance=1,
    motion=0,
    motion_angle=0,
    defocus=0,
    noise=0.002,
    quality=93,
    occluder="",
)
"""The view of an item that a catalogue would show."""


def draw_shot(rng: Generator, severity: float, *, yaw_limit: float) -> Shot:
    """Draws the circumstances of a photo.

    Args:
        rng: source of the numbers; the same number of draws whatever the severity, so that the same photo can be
            had harder or easier.
        severity: 0 is a careful photo by daylight, 0.5 what people upload, 1 the worst of it.
        yaw_limit: largest turn of the object in degrees at severity 1.
    """
    either = rng.uniform(-1, 1, 12)
    share = rng.random(12)
    blur = share[0] < 0.2 + 0.4 * severity
    moving = share[1] < 0.5
    return Shot(
        pose=Pose(
            float(either[0] * yaw_limit * (0.35 + 0.65 * severity)), float(3 + 7 * share[2] + 8 * severity * share[3])
        ),
        lamp=Lamp(
            azimuth=float(either[1] * (35 + 45 * severity)),
            elevation=float(25 + 40 * share[4]),
            power=float(0.5 + 0.3 * share[5]),
            fill=float(0.5 - 0.3 * severity * share[6]),
            softness=float(1 - (0.3 + 0.6 * severity) * share[7]),
        ),
        background=list(TABLES)[int(rng.integers(len(TABLES)))],
        clutter=0.3 + 0.4 * severity,
        scale=float(0.94 - (0.05 + 0.13 * severity) * share[8]),
        shift=(float(either[2] * 0.06 * (0.3 + severity)), float(either[3] * 0.03 * (0.3 + severity))),
        roll=float(either[4] * (2 + 12 * severity)),
        keystone=float(either[5] * 0.1 * severity),
        falloff=float(abs(either[6]) * 1.6 * severity),
        exposure=float(either[7] * 1.5 * severity - 0.15),
        kelvin=float(6500 * 2 ** (either[8] * (0.2 + 1.0 * severity) - 0.1)),
        balance=float(0.75 - 0.4 * severity * share[9]),
        motion=float(blur * moving * severity * rng.uniform(0.008, 0.034)),
        motion_angle=float(rng.uniform(0, 180)),
        defocus=float(blur * (not moving) * severity * rng.uniform(0.004, 0.013)),
        noise=float(0.008 + 0.075 * severity * share[10] ** 2),
        quality=int(92 - 35 * severity * share[11]),
        occluder=_draw_occluder(rng, 0.75 * severity),
    )


def _draw_occluder(rng: Generator, chance: float) -> str:
    present, which = rng.random(), int(rng.integers(len(OCCLUDERS)))
    return OCCLUDERS[which] if present < chance else ""


def light_words(shot: Shot) -> str:
    """The light in words, such as ``left, warm, dark``."""
    side = "left" if shot.lamp.azimuth < -20 else "right" if shot.lamp.azimuth > 20 else "front"
    hue = "warm" if shot.kelvin < 4500 else "cold" if shot.kelvin > 8500 else "neutral"
    amount = "dark" if shot.exposure < -0.6 else "bright" if shot.exposure > 0.45 else "normal"
    return f"{side}, {hue}, {amount}"
