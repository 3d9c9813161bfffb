import numpy as np
import pytest
from matplotlib.colors import to_hex

from util.errors import InvalidInputError
from util.plots.grids import Shown, fitted, hit_grid, image_strip
from util.plots.style import RIGHT, WRONG

RED = np.full((30, 20, 3), (255, 0, 0), dtype=np.uint8)


def frame(axes):
    spine = axes.spines["top"]
    return to_hex(spine.get_edgecolor()) if spine.get_visible() else None


def test_hits_are_framed_and_marked():
    rows = [
        (Shown(RED, "query"), [Shown(RED, "milk 0.9", right=True), Shown(RED, "cream 0.8", right=False)]),
        (Shown(RED, "other"), [Shown(RED, "milk 0.7", right=False)]),
    ]
    figure = hit_grid(rows, title="Found $x")
    first, second = figure.axes[:3], figure.axes[3:]
    assert [frame(axes) for axes in first] == [None, RIGHT, WRONG]
    assert [axes.get_title() for axes in first] == ["query", "✓ milk 0.9", "✗ cream 0.8"]
    assert [len(axes.images) for axes in second] == [1, 1, 0]  # the shorter row ends empty
    assert not second[2].axison
    figure.canvas.draw()


def test_pictures_are_the_ones_given():
    figure = image_strip([Shown(RED, "before"), Shown(255 - RED, "after")])
    before, after = (axes.images[0].get_array() for axes in figure.axes)
    assert np.array_equal(before, RED) and np.array_equal(after, 255 - RED)


def test_large_pictures_are_shrunk_for_the_figure():
    figure = image_strip([Shown(np.zeros((3000, 1000, 3), dtype=np.uint8))])
    assert max(figure.axes[0].images[0].get_array().shape) == 320


def test_long_captions_are_broken():
    figure = image_strip([Shown(RED, "God-Morgon-Orange-Red-Grapefruit-Juice " * 4)])
    lines = figure.axes[0].get_title().split("\n")
    assert len(lines) == 3 and max(map(len, lines)) <= 24 and lines[-1].endswith("…")


def test_transparent_parts_are_white():
    half = np.zeros((10, 10, 4), dtype=np.uint8)
    half[:, 5:] = (0, 0, 255, 255)
    pixels = np.asarray(fitted(half, 50))
    assert pixels.shape == (10, 10, 3)
    assert pixels[0, 0].tolist() == [255, 255, 255] and pixels[0, 9].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hit_grid([]), "at least one query"),
        (lambda: image_strip([]), "at least one picture"),
        (lambda: image_strip([Shown(RED.astype(float))]), "uint8"),
        (lambda: fitted(RED[:, :, 0], 10), r"got uint8 \(30, 20\)"),
        (lambda: fitted(RED[:0], 10), "a picture is"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
