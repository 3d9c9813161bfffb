import re
import xml.etree.ElementTree as ElementTree

import pytest

from util.plots.style import SAME, new_figure, quiet
from util.plots.svg import inline_svg


def figure_named(label):
    figure = new_figure(3, 2)
    axes = figure.add_subplot()
    quiet(axes, title=label)
    axes.plot([0, 1], [0, 1], color=SAME, marker="o")
    return figure


HOSTILE = [
    "<script>alert(1)</script>",
    'a" onload="alert(1)',
    f"colour: {SAME}",
    'x id="y" url(#z) xlink:href="#w"',
    "$unfinished",
    "みかん",
    "font: 12px nothing;",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_names_are_shown_as_they_are_and_nothing_else(label):
    root = ElementTree.fromstring(inline_svg(figure_named(label), name="figure", description=label))
    texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")]
    assert label in texts
    assert root.get("aria-label") == label
    names = {element.tag.split("}")[1] for element in root.iter()}
    assert names <= {"svg", "title", "g", "text", "path", "use", "defs", "clipPath", "rect", "style", "metadata"} | RDF
    assert not any(key.startswith("on") for element in root.iter() for key in element.attrib)


RDF = {"RDF", "Work", "type", "format", "creator", "Agent", "title"}


def test_takes_colours_and_type_from_the_page():
    svg = inline_svg(figure_named("a"), name="figure", description="")
    assert "var(--same)" in svg and "var(--font)" in svg and "var(--ink)" in svg
    styles = "".join(re.findall(r'style="[^"]*"', svg))
    assert SAME not in styles and "DejaVu" not in styles


def test_two_figures_share_no_id():
    found = [set(re.findall(r' id="([^"]+)"', inline_svg(figure_named("a"), name=n, description=""))) for n in "pq"]
    assert found[0] and not found[0] & found[1]


def test_references_lead_to_ids_inside():
    svg = inline_svg(figure_named("a"), name="figure", description="")
    ids = set(re.findall(r' id="([^"]+)"', svg))
    wanted = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', svg))
    assert wanted and wanted <= ids


def test_is_the_same_every_time():
    assert len({inline_svg(figure_named("a"), name="figure", description="") for _ in range(2)}) == 1
