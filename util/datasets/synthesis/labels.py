"""Front panels: brand, mark, product, variant, claim and stripes, in four layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from util.datasets.synthesis.colors import Color, shade
from util.datasets.synthesis.design import Design, Layout
from util.datasets.synthesis.marks import outline
from util.datasets.synthesis.typography import Box, draw_text

_OVERSAMPLING = 2
"""Polygons are drawn this much larger and averaged down: Pillow smooths letters only."""


@dataclass(slots=True)
class Panel:
    """A panel that is being painted, addressed in shares of its width and height.

    Attributes:
        image: RGB, larger than asked for by the oversampling.
        parts: boxes in shares, of the parts that differences may be in.
    """

    image: Image.Image
    parts: dict[str, list[Box]] = field(default_factory=dict)

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        """The pencil."""
        return ImageDraw.Draw(self.image)

    def _pixels(self, box: Box) -> Box:
        width, height = self.image.size
        return box[0] * width, box[1] * height, box[2] * width, box[3] * height

    def write(self, part: str, text: str, box: Box, *, style: str, color: Color, align: float = 0.5) -> None:
        """Writes one line into a box."""
        draw_text(self.draw, text, self._pixels(box), style=style, color=color, align=align)
        self.parts.setdefault(part, []).append(box)

    def fill(self, part: str, box: Box, color: Color, *, radius: float = 0.0) -> None:
        """Fills a box; with a radius (in shares of the width) its corners are round."""
        self.draw.rounded_rectangle(self._pixels(box), radius * self.image.width, fill=color)
        self.parts.setdefault(part, []).append(box)

    def disc(self, part: str, middle: tuple[float, float], radius: float, color: Color) -> None:
        """Fills a circle; the radius is in shares of the width."""
        width, height = self.image.size
        x, y, r = middle[0] * width, middle[1] * height, radius * width
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
        tall = radius * width / height
        self.parts.setdefault(part, []).append(
            (middle[0] - radius, middle[1] - tall, middle[0] + radius, middle[1] + tall)
        )

    def stamp(self, mark: str, box: Box, color: Color, *, place: float = 0.5) -> None:
        """Draws a mark as large as the box allows; place 0 is at its left, 1 at its right."""
        left, top, right, bottom = self._pixels(box)
        radius = min(right - left, bottom - top) / 2
        middle = np.array([left + radius + place * (right - left - 2 * radius), (top + bottom) / 2])
        for polygon in outline(mark):
            self.draw.polygon([tuple(point) for point in polygon * radius * 0.96 + middle], fill=color)
        width, height = self.image.size
        corners = np.concatenate([(middle - radius) / [width, height], (middle + radius) / [width, height]])
        self.parts.setdefault("mark", []).append(tuple(corners.tolist()))


def paint_front(design: Design, width: int, height: int) -> tuple[NDArray[np.uint8], dict[str, list[Box]]]:
    """The front panel of a design.

    Args:
        design: what to paint.
        width: of the panel in pixels.
        height: of the panel in pixels.

    Returns:
        uint8 (height, width, 3) RGB; boxes of its parts in shares of width and height.
    """
    size = width * _OVERSAMPLING, height * _OVERSAMPLING
    panel = Panel(Image.new("RGB", size, design.palette.paper))
    _LAYOUTS[design.layout](panel, design)
    image = panel.image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image), panel.parts


def _band(panel: Panel, design: Design) -> None:
    """Brand on a band at the top, everything below it in the middle."""
    words, colors = design.wording, design.palette
    panel.fill("band", (0, 0, 1, 0.22), colors.accent)
    panel.write("brand", words.brand, (0.08, 0.04, 0.92, 0.155), style=design.title_font, color=colors.paper)
    panel.write("line", words.line, (0.2, 0.165, 0.8, 0.21), style=design.text_font, color=colors.paper)
    panel.fill("stripe", (0, 0.22, 1, 0.265), colors.stripe)
    panel.stamp(design.mark, (0.06, 0.29, 0.94, 0.51), colors.stripe, place=design.mark_place)
    panel.write("product", words.product, (0.06, 0.535, 0.94, 0.625), style=design.title_font, color=colors.ink)
    panel.write("variant", words.variant, (0.06, 0.65, 0.94, 0.835), style=design.text_font, color=colors.accent)
    panel.fill("claim", (0.07, 0.85, 0.93, 0.975), colors.ink, radius=0.04)
    panel.write("claim", words.claim, (0.1, 0.872, 0.9, 0.953), style="sans", color=colors.paper)


def _badge(panel: Panel, design: Design) -> None:
    """Brand at the top, the variant on a round badge beside the mark, a stripe at the foot."""
    words, colors = design.wording, design.palette
    panel.write("brand", words.brand, (0.06, 0.04, 0.94, 0.18), style=design.title_font, color=colors.accent)
    panel.write("line", words.line, (0.2, 0.195, 0.8, 0.245), style=design.text_font, color=colors.ink)
    panel.write("product", words.product, (0.06, 0.27, 0.94, 0.365), style=design.title_font, color=colors.ink)
    panel.fill("claim", (0, 0.39, 1, 0.5), colors.accent)
    panel.write("claim", words.claim, (0.06, 0.405, 0.94, 0.485), style="sans", color=colors.paper)
    badge, left = (0.66, 0.03) if design.mark_place < 1 else (0.34, 0.64)
    radius = min(0.3, 0.185 * panel.image.height / panel.image.width)
    reach = radius * 0.82
    panel.disc("variant", (badge, 0.69), radius, colors.stripe)
    panel.disc("variant", (badge, 0.69), radius * 0.9, colors.paper)
    box = (badge - reach, 0.6, badge + reach, 0.78)
    panel.write("variant", words.variant, box, style=design.text_font, color=colors.ink)
    panel.stamp(design.mark, (left, 0.54, left + 0.33, 0.83), colors.accent)
    panel.fill("stripe", (0, 0.88, 1, 1), colors.stripe)
    panel.write("volume", words.volume, (0.3, 0.91, 0.7, 0.97), style="plain", color=colors.paper)


def _block(panel: Panel, design: Design) -> None:
    """The lower half in colour with the variant in large letters."""
    words, colors = design.wording, design.palette
    panel.stamp(design.mark, (0.05, 0.03, 0.95, 0.2), colors.stripe, place=design.mark_place)
    panel.write("brand", words.brand, (0.08, 0.215, 0.92, 0.35), style=design.title_font, color=colors.ink)
    panel.write("line", words.line, (0.2, 0.365, 0.8, 0.415), style=design.text_font, color=colors.ink)
    panel.fill("stripe", (0, 0.44, 1, 0.495), colors.stripe)
    panel.fill("block", (0, 0.495, 1, 1), colors.accent)
    panel.write("product", words.product, (0.06, 0.525, 0.94, 0.615), style=design.title_font, color=colors.paper)
    panel.write("variant", words.variant, (0.06, 0.645, 0.94, 0.835), style=design.text_font, color=colors.paper)
    panel.fill("claim", (0.07, 0.855, 0.93, 0.975), colors.paper, radius=0.03)
    panel.write("claim", words.claim, (0.1, 0.875, 0.9, 0.955), style="sans", color=colors.accent)


def _column(panel: Panel, design: Design) -> None:
    """A stripe down the left side, the words to its right."""
    words, colors = design.wording, design.palette
    panel.fill("stripe", (0, 0, 0.14, 1), colors.stripe)
    panel.fill("stripe", (0.16, 0, 0.185, 1), shade(colors.stripe, lightness=-0.1))
    panel.write("brand", words.brand, (0.24, 0.04, 0.96, 0.17), style=design.title_font, color=colors.accent, align=0)
    panel.write("line", words.line, (0.24, 0.185, 0.8, 0.235), style=design.text_font, color=colors.ink, align=0)
    panel.write("product", words.product, (0.24, 0.27, 0.96, 0.36), style=design.title_font, color=colors.ink, align=0)
    panel.stamp(design.mark, (0.24, 0.39, 0.95, 0.6), colors.stripe, place=design.mark_place)
    panel.write(
        "variant", words.variant, (0.24, 0.64, 0.96, 0.82), style=design.text_font, color=colors.accent, align=0
    )
    panel.fill("claim", (0.22, 0.85, 1, 0.97), colors.ink)
    panel.write("claim", words.claim, (0.25, 0.87, 0.97, 0.95), style="sans", color=colors.paper)


_LAYOUTS: dict[Layout, Callable[[Panel, Design], None]] = {
    "band": _band,
    "badge": _badge,
    "block": _block,
    "column": _column,
}


def paint_side(design: Design, width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """The side or back panel of a design: brand, small print and a bar code.

    Args:
        design: what to paint; sides show nothing in which items of a family differ but the colours.
        width: of the panel in pixels.
        height: of the panel in pixels.
        seed: of the small print.

    Returns:
        uint8 (height, width, 3) RGB.
    """
    words, colors = design.wording, design.palette
    panel = Panel(Image.new("RGB", (width * _OVERSAMPLING, height * _OVERSAMPLING), colors.paper))
    panel.fill("stripe", (0, 0, 1, 0.2), colors.accent)
    panel.write("brand", words.brand, (0.1, 0.05, 0.9, 0.15), style=design.title_font, color=colors.paper)
    rng = np.random.default_rng(seed)
    for line, end in enumerate(rng.uniform(0.6, 0.9, 12)):
        top = 0.27 + 0.032 * line
        panel.fill("print", (0.1, top, end, top + 0.012), shade(colors.ink, lightness=0.2))
    for left, right in _bars(rng):
        panel.fill("code", (left, 0.74, right, 0.92), (25, 25, 25))
    return np.asarray(panel.image.resize((width, height), Image.Resampling.BOX))


def _bars(rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    widths = rng.choice([1, 1, 2, 3], 40).cumsum()
    places = 0.2 + 0.6 * widths / widths[-1]
    return zip(places[0::2].tolist(), places[1::2].tolist(), strict=True)
