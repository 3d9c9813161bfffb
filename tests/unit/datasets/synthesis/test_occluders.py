"""What comes between camera and object covers a smaller part of it, softly, and within the picture."""

from __future__ import annotations

import numpy as np
import pytest

from util.datasets.synthesis.occluders import OCCLUDERS, draw_occluder

FRAME = (80.0, 20.0, 180.0, 240.0)


@pytest.mark.parametrize("kind", OCCLUDERS)
@pytest.mark.parametrize("seed", range(6))
def test_layers(kind, seed):
    light, cover = draw_occluder(kind, np.random.default_rng(seed), 256, FRAME)
    assert (light.shape, light.dtype) == ((256, 256, 3), np.float32)
    assert (cover.shape, cover.dtype) == ((256, 256), np.float32)
    assert np.isfinite(light).all()
    assert light.min() >= -1e-3
    assert cover.min() >= 0
    assert cover.max() <= 1 + 1e-4
    assert cover.max() > 0.5
    assert cover[20:240, 80:180].mean() < 0.5


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_frames_at_the_edge_of_the_picture_are_survived(kind):
    for frame in ((0.0, 0.0, 64.0, 64.0), (0.0, 60.0, 3.0, 64.0), (20.0, 0.0, 64.0, 5.0)):
        _, cover = draw_occluder(kind, np.random.default_rng(1), 64, frame)
        assert cover.shape == (64, 64)
