"""Text in the fonts that come with Pillow and Matplotlib, so that labels look the same on every machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

from util.datasets.synthesis.colors import Color

_FILES = {
    "sans": "DejaVuSans-Bold.ttf",
    "plain": "DejaVuSans.ttf",
    "oblique": "DejaVuSans-BoldOblique.ttf",
    "serif": "DejaVuSerif-Bold.ttf",
    "roman": "STIXGeneralBol.ttf",
    "italic": "STIXGeneralBolIta.ttf",
    "mono": "DejaVuSansMono-Bold.ttf",
}
TITLE_FONTS = ("serif", "roman", "italic", "oblique", "sans")
TEXT_FONTS = ("sans", "serif", "roman")

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@cache
def font(style: str, size: int) -> ImageFont.FreeTypeFont:
    """The font of a style at a height in pixels."""
    import matplotlib  # asked where its fonts lie, no more

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", _FILES[style]), size)


@cache
def _extent(style: str, text: str) -> Box:
    return font(style, 100).getbbox(text)


def draw_text(draw: ImageDraw.ImageDraw, text: str, box: Box, *, style: str, color: Color, align: float = 0.5) -> None:
    """Writes one line as large as a box allows.

    Args:
        draw: the canvas.
        text: the line.
        box: where its ink may be.
        style: a font of this module.
        color: of the ink.
        align: 0 at the left of the box, 0.5 in its middle, 1 at its right.
    """
    left, top, right, bottom = _extent(style, text)
    scale = min((box[2] - box[0]) / (right - left), (box[3] - box[1]) / (bottom - top))
    size = max(4, int(100 * scale))
    width, height = (right - left) * size / 100, (bottom - top) * size / 100
    x = box[0] + align * (box[2] - box[0] - width) - left * size / 100
    y = (box[1] + box[3] - height) / 2 - top * size / 100
    draw.text((x, y), text, fill=color, font=font(style, size))
