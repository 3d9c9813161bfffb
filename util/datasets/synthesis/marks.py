"""The marks (little logos) that labels carry, as polygons in the square [-1, 1]², y downwards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
"""float64 (N, 2): x, y."""

_TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)


def _ring(radius: NDArray[np.float64] | float, angle: NDArray[np.float64] = _TURN) -> Polygon:
    return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1)


def _points(*rows: tuple[float, float]) -> Polygon:
    return np.array(rows, float)


def _mirrored(*right: tuple[float, float]) -> Polygon:
    half = _points(*right)
    return np.concatenate([half, half[::-1] * [-1, 1]])


def _star(points: int, inner: float) -> list[Polygon]:
    angle = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
    return [_ring(np.where(np.arange(2 * points) % 2 == 0, 1.0, inner), angle)]


def _heart() -> list[Polygon]:
    x = 16 * np.sin(_TURN) ** 3
    y = 13 * np.cos(_TURN) - 5 * np.cos(2 * _TURN) - 2 * np.cos(3 * _TURN) - np.cos(4 * _TURN)
    return [np.stack([x / 17, -(y + 2) / 16], axis=1)]


def _drop() -> list[Polygon]:
    x = 0.68 * np.sin(_TURN) * np.sin(_TURN / 2) ** 1.4
    return [np.stack([x, -np.cos(_TURN)], axis=1)]


def _leaf() -> list[Polygon]:
    t = np.linspace(0, 1, 24)
    edge = 0.62 * np.sin(np.pi * t) ** 0.8
    blade = np.concatenate([np.stack([edge, 0.75 - 1.7 * t], 1), np.stack([-edge, 0.75 - 1.7 * t], 1)[::-1]])
    return [blade, _points((-0.07, 0.7), (0.07, 0.7), (0.16, 1.0), (0.02, 1.0))]


def _sun() -> list[Polygon]:
    rays = [_ring(np.array([0.66, 1.0, 0.66]), np.array([-0.16, 0.0, 0.16]) + turn) for turn in _TURN[::6]]
    return [_ring(0.52), *rays]


def _moon() -> list[Polygon]:
    outer = np.linspace(0.25 * np.pi, 1.75 * np.pi, 32)
    inner = np.linspace(1.68 * np.pi, 0.32 * np.pi, 32)
    arcs = [np.stack([r * np.cos(a) + x, r * np.sin(a)], 1) for r, a, x in ((1.0, outer, 0.15), (0.82, inner, 0.42))]
    return [np.concatenate(arcs)]


def _mountain() -> list[Polygon]:
    return [
        _points((-1, 0.75), (-0.25, -0.75), (0.1, -0.1), (0.35, -0.45), (1, 0.75)),
        _ring(0.2) + np.array([0.62, -0.62]),
    ]


def _crown() -> list[Polygon]:
    peaks = _mirrored((0, -0.8), (0.3, -0.05), (0.95, -0.6), (0.75, 0.45))
    return [peaks, _points((-0.75, 0.55), (0.75, 0.55), (0.75, 0.8), (-0.75, 0.8))]


def _fish() -> list[Polygon]:
    body = np.stack([0.72 * np.cos(_TURN) + 0.2, 0.48 * np.sin(_TURN)], 1)
    return [body, _points((-0.35, 0), (-1, -0.5), (-0.85, 0), (-1, 0.5))]


def _tree() -> list[Polygon]:
    tiers = [_mirrored((0, top), (half, top + 0.75)) for top, half in ((-1, 0.45), (-0.6, 0.62), (-0.15, 0.8))]
    return [*tiers, _points((-0.14, 0.55), (0.14, 0.55), (0.14, 1), (-0.14, 1))]


def _waves() -> list[Polygon]:
    x = np.linspace(-1, 1, 33)
    bands = [np.stack([x, y + 0.16 * np.sin(x * 2 * np.pi)], 1) for y in (-0.55, 0.0, 0.55)]
    half = np.array([0, 0.13])
    return [np.concatenate([band - half, (band + half)[::-1]]) for band in bands]


def _flower() -> list[Polygon]:
    petals = [_ring(0.36) + 0.6 * np.array([np.sin(turn), -np.cos(turn)]) for turn in np.arange(6) * np.pi / 3]
    return [*petals, _ring(0.36)]


_MARKS: dict[str, Callable[[], list[Polygon]]] = {
    "star": lambda: _star(5, 0.42),
    "sunburst": lambda: _star(12, 0.68),
    "heart": _heart,
    "drop": _drop,
    "leaf": _leaf,
    "sun": _sun,
    "moon": _moon,
    "mountain": _mountain,
    "crown": _crown,
    "fish": _fish,
    "tree": _tree,
    "waves": _waves,
    "flower": _flower,
    "diamond": lambda: _star(4, 0.55),
}

MARKS: tuple[str, ...] = tuple(_MARKS)


def outline(mark: str) -> list[Polygon]:
    """The polygons of a mark, all to be filled.

    >>> [polygon.shape for polygon in outline("star")]
    [(10, 2)]
    """
    return _MARKS[mark]()
