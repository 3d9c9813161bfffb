"""Colours against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from util.datasets.synthesis.colors import shade, to_linear, to_srgb


@pytest.mark.parametrize(("display", "linear"), [(0, 0.0), (10, 0.003035), (128, 0.215861), (255, 1.0)])
def test_srgb_decoding_by_the_standards_formula(display, linear):
    assert to_linear(np.array([display], np.uint8))[0] == pytest.approx(linear, abs=1e-6)


def test_encoding_clips_and_is_monotonic():
    light = np.linspace(-0.5, 1.5, 1001, dtype=np.float32)
    display = to_srgb(light).astype(int)
    assert display.min() == 0
    assert display.max() == 255
    assert (np.diff(display) >= 0).all()


def test_encoding_is_within_one_step_of_the_formula():
    light = np.linspace(0, 1, 5000)
    exact = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(to_srgb(light.astype(np.float32)) - exact).max() < 1


def test_shades():
    assert shade((100, 100, 100), lightness=-1) == (0, 0, 0)
    assert shade((100, 100, 100), lightness=1) == (255, 255, 255)
    assert shade((200, 40, 40), hue=360) == (200, 40, 40)
    assert shade((200, 40, 40), saturation=-1) == (120, 120, 120)
