"""Figures as SVG that lives inside a page: its type, its light or dark colours, its width."""

from __future__ import annotations

import io
import re
import warnings
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from util.plots.style import BAND, DIFFERENT, GRID, INK, MUTED, RIGHT, SAME

# The page defines these properties once for light and once for dark.
_PROPERTIES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    SAME: "--same",
    DIFFERENT: "--different",
    RIGHT: "--right",
    BAND: "--band",
}
_WIDEST = 1.7  # CSS pixels a point; drawn to scale it would be 4/3
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_TAG = re.compile(r"<[^>]*>")


def inline_svg(figure: Figure, *, name: str, description: str) -> str:
    """The figure as an ``<svg>`` element that takes its colours from the page's custom properties.

    Text stays text: it can be searched, and its glyphs are the reader's. The background is the page's.

    Args:
        figure: drawn with the colours of ``style``.
        name: unique within the page; ids inside the element begin with it.
        description: what the figure shows, for those who cannot see it.
    """
    figure.patch.set_alpha(0)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # Names may hold characters that the font measured with lacks; the reader's browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    written = buffer.getvalue()
    opening, rest = written[written.index("<svg") :].split(">", 1)
    described = escape(description)
    head = f'<svg {_size(opening)} {_NAMESPACES} role="img" aria-label="{described}">'
    # Only inside tags: an item's name may look like an attribute or a colour.
    return head + _TAG.sub(lambda tag: _adapted(tag[0], name), rest)


def _size(opening: str) -> str:
    """As wide as its place in the page, but not much wider than it was drawn for, lest its type look huge."""
    width, box = re.search(r'width="([\d.]+)pt"', opening), re.search(r'viewBox="[^"]+"', opening)
    if width is None or box is None:
        return ""
    return f'{box[0]} style="max-width:{float(width[1]) * _WIDEST:.0f}px"'


def _adapted(tag: str, name: str) -> str:
    """One tag with ids of its own and the colours and the type of the page."""
    tag = tag.replace(' id="', f' id="{name}-').replace("url(#", f"url(#{name}-")
    tag = tag.replace('xlink:href="#', f'xlink:href="#{name}-')
    for colour, property_ in _PROPERTIES.items():
        tag = tag.replace(f": {colour}", f": var({property_})")
    return re.sub(r"(font-family:|font: [\d.]+px) [^;\"]+", r"\1 var(--font)", tag)
