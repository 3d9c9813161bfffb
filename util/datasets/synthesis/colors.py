"""Colours: display values (sRGB, 0–255) that people choose, linear light that adds up, and shades of a hue."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
"""sRGB red, green, blue, each 0–255."""

Light = NDArray[np.float32]
"""Linear light, float32 (H, W, 3) RGB; 1 is what the camera shows as white, more is clipped."""


@cache
def _decoding_table() -> NDArray[np.float32]:
    display = np.arange(256) / 255
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _encoding_table() -> NDArray[np.uint8]:
    # 4096 steps are half a display step wide at most, where the curve is steepest near black (slope 12.92).
    linear = np.arange(4096) / 4095
    display = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(display * 255), np.uint8)


def to_linear(image: NDArray[np.uint8]) -> Light:
    """Decodes sRGB (IEC 61966-2-1).

    Args:
        image: uint8 array of display values.

    Returns:
        float32 array of the same shape in [0, 1].
    """
    return np.asarray(_decoding_table()[image], np.float32)


def to_srgb(light: Light) -> NDArray[np.uint8]:
    """Encodes linear light as sRGB and clips what is out of [0, 1]; inverse of :func:`to_linear`.

    >>> levels = np.arange(256, dtype=np.uint8)
    >>> bool(np.all(to_srgb(to_linear(levels)) == levels))
    True
    """
    steps = np.clip(light * 4095 + 0.5, 0, 4095).astype(np.uint16)
    return np.asarray(_encoding_table()[steps], np.uint8)


def linear(color: Color) -> NDArray[np.float32]:
    """One colour in linear light, float32 (3,)."""
    return to_linear(np.array(color, np.uint8))


def shade(color: Color, *, hue: float = 0.0, lightness: float = 0.0, saturation: float = 0.0) -> Color:
    """A neighbour of a colour in hue, lightness, saturation (HLS).

    Args:
        color: where to start.
        hue: turn of the hue in degrees.
        lightness: added to the lightness, which lies in [0, 1].
        saturation: added to the saturation, which lies in [0, 1].

    >>> shade((200, 0, 0), lightness=0.2), shade((200, 0, 0), hue=120)
    ((255, 47, 47), (0, 200, 0))
    """
    h, lum, s = colorsys.rgb_to_hls(*(channel / 255 for channel in color))
    rgb = colorsys.hls_to_rgb((h + hue / 360) % 1, min(max(lum + lightness, 0), 1), min(max(s + saturation, 0), 1))
    return _color(rgb)


def hls(hue: float, lightness: float, saturation: float) -> Color:
    """A colour by hue (degrees), lightness and saturation (both in [0, 1])."""
    return _color(colorsys.hls_to_rgb(hue / 360 % 1, lightness, saturation))


def _color(rgb: tuple[float, float, float]) -> Color:
    red, green, blue = (round(channel * 255) for channel in rgb)
    return red, green, blue
