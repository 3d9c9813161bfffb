import re
import subprocess
import sys
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser

import pytest

from util.errors import InvalidInputError
from util.plots.report import write_report

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Reads a page as a browser would and remembers what matters."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], Counter(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += [(tag, *attribute) for attribute in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += [(tag, *attribute) for attribute in attributes]

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(evaluation, folder, **options):
    return Page(write_report(evaluation, folder / "report.html", **options).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(evaluation, tmp_path_factory):
    return read(
        evaluation,
        tmp_path_factory.mktemp("report"),
        title="Shelf <b>one</b>",
        command="nearid evaluate --queries 'a & b'",
        created=datetime(2026, 5, 4, 12, 30),
    )


def test_is_well_formed(page):
    assert page.open == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert ids and len(ids) == len(set(ids))
    anchors = {value[1:] for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert anchors and anchors <= set(ids)


def test_says_what_a_reader_looks_for(page):
    for words in (
        "Shelf <b>one</b>",
        "66.7 %",
        "for 8 of 12 photos",
        "Worst confusions",
        "2 of 3 photos",
        "AUROC",
        "4 wrong answers",
        "color_texture",
        "median 20.0 ms",
        "2026-05-04 12:30",
        "nearid evaluate --queries 'a & b'",
    ):
        assert words in page.text
    assert "None" not in page.text and "nan" not in page.text


def test_measures_of_the_last_section_are_those_of_the_evaluation(page, evaluation):
    text = " ".join(page.text.split())
    assert f"scores above an unknown one: {evaluation.open_set.oscr:.3f}; at most top-1" in text
    assert f"then the mean over items: {evaluation.votes.by_majority.macro[2]:.3f}." in text


def test_shows_pictures_of_the_confusions(page):
    pictures = [value for tag, name, value in page.attributes if tag == "img" and name == "src"]
    assert len(pictures) == 2 * 3 + 4 * 3  # two confusions and four errors with three pictures each
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    assert page.tags["svg"] == 6


def test_names_cannot_become_code(page):
    assert page.tags["script"] == 0 and page.tags["b"] == page.tags["i"]  # only the little bars' own
    assert "<script>alert('item')</script>" in page.text
    assert not any(name.startswith("on") for _, name, _ in page.attributes)


def test_loads_nothing_from_anywhere(page):
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert value.startswith(("data:", "#")), (tag, name, value[:60])
    style = "".join(page.words)
    assert "@import" not in style and not re.search(r"url\((?!#)", style)
    assert page.tags["link"] == page.tags["iframe"] == 0


def test_pictures_that_cannot_be_read_say_so(evaluation, without, tmp_path):
    import dataclasses

    errors = [dataclasses.replace(error, query_path=None, hit_path="/gone.jpg") for error in evaluation.errors]
    page = read(without(errors=tuple(errors)), tmp_path)
    assert page.text.count("no file known") == 4 and page.open == []
    assert sum(tag == "img" for tag, name, _ in page.attributes if name == "src") == 2 * 3 + 4


def test_an_evaluation_without_open_set_latency_or_decisions(tmp_path, build_evaluation):
    page = read(build_evaluation(tmp_path / "shelf", ["only one"]), tmp_path)
    assert "Known or new?" not in page.text and "Answer time" not in page.text and page.open == []
    assert "No wrong answer." in page.text and "No known item was taken for another one." in page.text


def test_a_file_that_cannot_be_written_is_named(evaluation, tmp_path):
    with pytest.raises(InvalidInputError, match=re.escape(f"cannot write the report to {tmp_path}")):
        write_report(evaluation, tmp_path)


def test_stays_small_with_many_errors(tmp_path, build_evaluation):
    """Noise is the worst case for JPEG: each picture costs several times what a photo does."""
    items = [f"item {number:02}" for number in range(10)]
    evaluation = build_evaluation(tmp_path / "shelf", items, queries_per_item=11, size=(300, 300))
    assert evaluation.n_errors == 5 * 10
    path = write_report(evaluation, tmp_path / "deep" / "er" / "report.html")
    assert path.stat().st_size < 5_000_000
    page = Page(path.read_text(encoding="utf-8"))
    assert "2 more without pictures" in page.text and page.open == []


def test_drawing_touches_neither_pyplot_nor_torch_nor_a_display():
    program = (
        "import sys, util.plots.report\n"
        "wrong = {'matplotlib.pyplot', 'torch', 'util.search', 'util.vector_store'} & set(sys.modules)\n"
        "sys.exit(', '.join(wrong) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
